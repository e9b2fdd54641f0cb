--- The language server: where it is, how it starts, and what is asked of it.

local config = require('lacuna.config')

local M = {}

local NAME = 'lacuna_ls'
local ROOTS = { '.git', 'pyproject.toml', 'package.json' }

--- A server that ends more often within this time is left alone.
local MAX_CRASHES = 5
local CRASH_WINDOW_MS = 180000

local MISSING = 'Lacuna: there is no command `lacuna`. Install it with `pip install lacuna` where Neovim finds it, '
  .. "or name it: require('lacuna').setup({ cmd = { '/path/to/lacuna', 'serve' } })"

---@type number[] when the server crashed, in milliseconds
local crashes = {}

---@param message string
---@param level? integer
function M.tell(message, level)
  vim.notify(message, level or vim.log.levels.INFO, { title = 'Lacuna' })
end

--- What the user has set, else what the Python environment in use has, else what the PATH has.
---@return string[]? command nil: there is none
function M.command()
  local set = config.options.cmd
  if set then
    return vim.fn.executable(set[1]) == 1 and set or nil
  end
  local environment = vim.env.VIRTUAL_ENV
  if environment then
    for _, folder in ipairs({ 'bin', 'Scripts' }) do
      local found = vim.fn.exepath(vim.fs.joinpath(environment, folder, 'lacuna'))
      if found ~= '' then
        return { found, 'serve' }
      end
    end
  end
  local found = vim.fn.exepath('lacuna')
  return found ~= '' and { found, 'serve' } or nil
end

---@param dispatchers vim.lsp.rpc.Dispatchers
---@param resolved vim.lsp.ClientConfig
---@return vim.lsp.rpc.PublicClient
function M.start(dispatchers, resolved)
  local options = { cwd = resolved.cmd_cwd, env = resolved.cmd_env }
  return vim.lsp.rpc.start(assert(M.command(), MISSING), dispatchers, options)
end

--- Starts the server for buffers that are files, if it can be started.
---@param buffer integer
---@param start fun(root?: string)
function M.root_dir(buffer, start)
  if vim.bo[buffer].buftype ~= '' then
    return
  end
  if vim.lsp.config[NAME].cmd == M.start and not M.command() then
    vim.notify_once(MISSING, vim.log.levels.WARN)
    return
  end
  start(vim.fs.root(buffer, ROOTS))
end

--- Starts a server that crashed anew, a little later each time.
---@param code integer
---@param signal integer
---@param client_id integer
function M.on_exit(code, signal, client_id)
  vim.schedule(function()
    require('lacuna.ghost').forget(client_id)
    require('lacuna.status').forget(client_id)
  end)
  local is_wanted = code == 0 and (signal == 0 or signal == 15)
  if is_wanted or vim.v.exiting ~= vim.NIL then
    return
  end
  local now = vim.uv.now()
  crashes = vim.tbl_filter(function(time)
    return now - time < CRASH_WINDOW_MS
  end, crashes)
  table.insert(crashes, now)
  if #crashes > MAX_CRASHES then
    local message = 'Lacuna: the language server ends again and again; see :Lacuna log, then :Lacuna restart.'
    M.tell(message, vim.log.levels.ERROR)
    return
  end
  vim.defer_fn(function()
    vim.lsp.enable(NAME)
  end, 100 * 2 ^ #crashes)
end

--- Ends the server and the engine, and starts both again.
function M.restart()
  crashes = {}
  local clients = vim.lsp.get_clients({ name = NAME })
  if #clients == 0 then
    vim.lsp.enable(NAME)
    return
  end
  clients[1]:request('lacuna/restartEngine', nil, function()
    vim.lsp.enable(NAME, false)
    local timer = assert(vim.uv.new_timer())
    timer:start(50, 50, function()
      vim.schedule(function()
        if not timer:is_closing() and #vim.lsp.get_clients({ name = NAME, _uninitialized = true }) == 0 then
          timer:close()
          vim.lsp.enable(NAME)
        end
      end)
    end)
  end)
end

--- The client of a buffer.
---@param buffer integer
---@return vim.lsp.Client?
function M.client(buffer)
  return vim.lsp.get_clients({ name = NAME, bufnr = buffer })[1]
end

--- JSON's null is |vim.NIL| to Neovim, which counts as true.
---@param value any
---@return any
local function without_nulls(value)
  if value == vim.NIL then
    return nil
  end
  return type(value) == 'table' and vim.tbl_map(without_nulls, value) or value
end

--- Asks for something in a buffer. Who asks is told if there is nobody to ask, or if it fails.
---@param buffer integer
---@param method string
---@param params? table
---@param take fun(answer: any, client: vim.lsp.Client)
---@return boolean is_asked
function M.ask(buffer, method, params, take)
  local client = M.client(buffer)
  if not client then
    M.tell('Lacuna is not at work in this buffer; :checkhealth lacuna says why.', vim.log.levels.WARN)
    return false
  end
  return client:request(method, params, function(failure, answer)
    if failure then
      M.tell('Lacuna: ' .. failure.message, vim.log.levels.WARN)
    else
      take(without_nulls(answer), client)
    end
  end, buffer)
end

return M
