--- `:Lacuna` and its subcommands.

local server = require('lacuna.server')

local M = {}

---@class lacuna.Subcommand
---@field run fun(arguments: string[], command: vim.api.keyset.create_user_command.command_args)
---@field arguments? string[] what can follow

--- What a format can be: a kind with a value of the user's, or a preset of the model's.
local FORMATS = {
  'choice:',
  'regex:',
  'schema:',
  'preset:identifier',
  'preset:integer',
  'preset:float',
  'preset:quoted-string',
  'preset:iso-date',
  'preset:iso-datetime',
  'preset:uuid',
  'preset:semver',
  'preset:e-mail',
  'preset:url',
  'preset:ipv4',
  'preset:ipv6',
  'preset:hex-colour',
  'preset:file-path',
  'preset:json-value',
  'preset:python-expression',
  'preset:javascript-expression',
}

--- A constraint from what the user wrote: `preset:NAME`, `schema:FILE`, `regex:PATTERN` or `choice:ONE|OTHER`.
---@param written string
---@return table? constraint
local function constraint_of(written)
  local kind, value = written:match('^(%a+):(.+)$')
  if kind == 'preset' or kind == 'regex' then
    return { [kind] = value }
  elseif kind == 'choice' then
    return { choice = vim.split(value, '|', { plain = true }) }
  elseif kind == 'schema' then
    local is_read, schema = pcall(function()
      return vim.json.decode(vim.fn.readblob(vim.fs.normalize(value)), { luanil = {} })
    end)
    return is_read and { schema = schema } or nil
  end
end

---@param command vim.api.keyset.create_user_command.command_args
---@return lacuna.Lines
local function lines_of(command)
  return { first = command.line1, last = command.line2, is_marked = command.range == 2 }
end

---@type table<string, lacuna.Subcommand>
local subcommands = {
  fill = {
    run = function(_, command)
      require('lacuna.fill').selection(lines_of(command))
    end,
  },
  gaps = {
    run = function()
      require('lacuna.fill').gaps()
    end,
  },
  snippet = {
    arguments = FORMATS,
    run = function(arguments, command)
      local written = table.concat(arguments, ' ')
      local constraint = constraint_of(written)
      if written ~= '' and not constraint then
        server.tell(
          'Lacuna: a format is preset:NAME, schema:FILE of a JSON Schema, regex:PATTERN or choice:ONE|OTHER.',
          vim.log.levels.WARN
        )
        return
      end
      require('lacuna.fill').snippet(constraint, command.range > 0 and lines_of(command) or nil)
    end,
  },
  regenerate = {
    run = function()
      require('lacuna.uncertain').regenerate()
    end,
  },
  clear = {
    run = function()
      require('lacuna.uncertain').clear(vim.api.nvim_get_current_buf())
    end,
  },
  replay = {
    run = function()
      require('lacuna.replay').open()
    end,
  },
  why = {
    run = function()
      require('lacuna.status').why()
    end,
  },
  status = {
    run = function()
      require('lacuna.status').show()
    end,
  },
  toggle = {
    arguments = require('lacuna.toggle').scopes,
    run = function(arguments)
      require('lacuna.toggle').toggle(arguments[1])
    end,
  },
  restart = {
    run = function()
      server.restart()
    end,
  },
  log = {
    run = function()
      vim.cmd.tabnew(vim.fn.fnameescape(vim.lsp.log.get_filename()))
      vim.cmd.normal({ 'G', bang = true })
    end,
  },
}

---@param words string[]
---@param typed string
---@return string[]
local function beginning_with(words, typed)
  return vim.tbl_filter(function(word)
    return vim.startswith(word, typed)
  end, words)
end

---@param typed string
---@param line string
---@return string[]
local function complete(typed, line)
  local name = line:match('Lacuna%s+(%a+)%s')
  if not name then
    return beginning_with(vim.fn.sort(vim.tbl_keys(subcommands)), typed)
  end
  return beginning_with(subcommands[name] and subcommands[name].arguments or {}, typed)
end

function M.create()
  vim.api.nvim_create_user_command('Lacuna', function(command)
    local name = command.fargs[1]
    local subcommand = subcommands[name]
    if not subcommand then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(subcommands)), ', ')
      server.tell(('Lacuna: there is no :Lacuna %s; there are %s.'):format(name, names), vim.log.levels.WARN)
      return
    end
    subcommand.run(vim.list_slice(command.fargs, 2), command)
  end, { nargs = '+', range = true, complete = complete, desc = 'Fill gaps; :help lacuna-commands' })
end

return M
