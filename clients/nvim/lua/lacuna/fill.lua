--- Filling ranges, marked gaps and places with a format.

local position = require('lacuna.position')
local server = require('lacuna.server')

local M = {}

--- Asks for an edit and makes it, as one step of undoing, unless the text has changed meanwhile.
---@param buffer integer
---@param method string
---@param params table
---@param edit fun(answer: table, client: vim.lsp.Client)
local function change(buffer, method, params, edit)
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  params.textDocument = vim.lsp.util.make_text_document_params(buffer)
  server.ask(buffer, method, params, function(answer, client)
    if answer.edit and tick ~= vim.api.nvim_buf_get_changedtick(buffer) then
      server.tell('Lacuna: the text has changed while it was filled; ask again.', vim.log.levels.WARN)
    elseif answer.edit then
      edit(answer, client)
    else
      server.tell('Lacuna: ' .. (answer.message:gsub('%.$', '')) .. '.')
    end
  end)
end

---@param buffer integer
---@param method string
---@param params table
---@param before? fun() called right before the edit
local function fill(buffer, method, params, before)
  change(buffer, method, params, function(answer, client)
    if before then
      before()
    end
    vim.lsp.util.apply_workspace_edit(answer.edit, client.offset_encoding)
    require('lacuna.uncertain').mark(buffer, client, answer.uncertain)
  end)
end

--- Fills the places of ranges, all in one canvas.
---@param buffer integer
---@param ranges lsp.Range[]
---@param before? fun() called right before the edit
function M.ranges(buffer, ranges, before)
  fill(buffer, 'lacuna/fillSelection', #ranges == 1 and { range = ranges[1] } or { ranges = ranges }, before)
end

--- Lines that a command was given, from 1; `is_marked`: by marks, those of a selection as a rule.
---@class lacuna.Lines
---@field first integer
---@field last integer
---@field is_marked boolean

--- What is selected if that is a run of characters, else lines without the indentation of the first.
---@param buffer integer current
---@param client vim.lsp.Client
---@param range lacuna.Lines
---@return lsp.Range
local function range_of(buffer, client, range)
  local first, last = range.first, range.last
  local from, to = vim.fn.getpos("'<"), vim.fn.getpos("'>")
  local first_line, last_line = position.line(buffer, first - 1), position.line(buffer, last - 1)
  local start, stop = #first_line:match('^%s*'), #last_line
  if range.is_marked and vim.fn.visualmode() == 'v' and from[2] == first and to[2] == last then
    start = from[3] - 1
    local of_character = vim.str_utf_end(last_line, math.min(to[3], math.max(#last_line, 1)))
    stop = vim.o.selection == 'exclusive' and to[3] - 1 or math.min(to[3] + of_character, #last_line)
  end
  return {
    start = position.of_byte(first - 1, first_line, start, client),
    ['end'] = position.of_byte(last - 1, last_line, stop, client),
  }
end

--- Puts another text in the place of a command's range.
---@param range lacuna.Lines
function M.selection(range)
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.client(buffer)
  M.ranges(buffer, client and { range_of(buffer, client, range) } or {})
end

--- Fills all gaps that are marked `<FILL>`.
function M.gaps()
  fill(vim.api.nvim_get_current_buf(), 'lacuna/fillGaps', {})
end

--- Puts a value of a format at the cursor, or in the place of a range; in insert mode, uncertain parts are tab stops.
---@param constraint? table nil: what the document's schema says
---@param range? lacuna.Lines
function M.snippet(constraint, range)
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.client(buffer)
  local takes_tab_stops = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
  local params = { constraint = constraint, snippets = takes_tab_stops }
  if client and range then
    params.range = range_of(buffer, client, range)
  elseif client then
    params.position = vim.lsp.util.make_position_params(0, client.offset_encoding).position
  end
  change(buffer, 'lacuna/snippet', params, function(answer, of)
    if not takes_tab_stops then
      vim.lsp.util.apply_workspace_edit(answer.edit, of.offset_encoding)
      return
    end
    local from, to = answer.range.start, answer.range['end']
    local column = position.to_byte(position.line(buffer, from.line), from, of)
    local stop = position.to_byte(position.line(buffer, to.line), to, of)
    vim.api.nvim_buf_set_text(buffer, from.line, column, to.line, stop, {})
    vim.api.nvim_win_set_cursor(0, { from.line + 1, column })
    vim.snippet.expand((answer.insertText:gsub('\r\n', '\n')))
  end)
end

return M
