--- How the server is, what it said last about each document, and why nothing was suggested.

local server = require('lacuna.server')

local M = {}

--- What the server tells of its own accord.
---@class lacuna.Condition
---@field state 'ready'|'loading'|'filling'|'disabled'|'error'
---@field message string
---@field loadedBytes integer
---@field totalBytes integer
---@field uri? string
---@field reason? string

---@type table<integer, lacuna.Condition?> by client
local conditions = {}

--- Handler of `lacuna/status`.
---@param _ any
---@param condition lacuna.Condition
---@param context lsp.HandlerContext
function M.on_status(_, condition, context)
  conditions[context.client_id] = condition
  vim.cmd.redrawstatus()
end

---@param client_id integer
function M.forget(client_id)
  conditions[client_id] = nil
end

local SIGNS = { ready = '', filling = ' …', disabled = ' off', error = ' error' }

---@return string
function M.line()
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.client(buffer)
  if not client then
    return ''
  end
  if not vim.lsp.inline_completion.is_enabled({ bufnr = buffer }) then
    return 'Lacuna off'
  end
  local condition = conditions[client.id]
  if not condition then
    return 'Lacuna …'
  end
  if condition.state == 'loading' then
    local percent = 100 * (condition.loadedBytes or 0) / math.max(condition.totalBytes or 0, 1)
    return ('Lacuna %d%%%%'):format(percent)
  end
  return 'Lacuna' .. SIGNS[condition.state]
end

--- Requests that were overtaken by the next key say nothing about the text.
local OVERTAKEN = { superseded = true, cancelled = true }

--- Says why the last request in this document brought nothing.
function M.why()
  local buffer = vim.api.nvim_get_current_buf()
  local uri = vim.uri_from_bufnr(buffer)
  server.ask(buffer, 'lacuna/status', nil, function(report)
    local last
    for _, answer in ipairs(report.emptyAnswers) do
      last = answer.uri == uri and not OVERTAKEN[answer.reason] and answer or last
    end
    local condition = report.condition
    if condition.state == 'error' then
      server.tell('Lacuna: ' .. condition.message)
    elseif not last then
      server.tell('Lacuna: every request in this buffer brought a suggestion, or there was none yet.')
    else
      server.tell(('Lacuna, %s: %s.'):format(os.date('%H:%M:%S', math.floor(last.time)), last.message))
    end
  end)
end

--- What there is to say about the server, line by line.
---@param report table answer of `lacuna/status`
---@return string[]
function M.lines(report)
  local condition, engine, tally = report.condition, report.engine, report.tally
  local lines = { 'Lacuna: ' .. condition.state .. (condition.message ~= '' and ', ' .. condition.message or '') }
  if engine then
    local text = 'Engine %s, process %d: model %s on %s'
    table.insert(lines, text:format(engine.version, engine.pid, engine.checkpoint, engine.device))
    if (engine.precision or '') ~= '' then
      lines[#lines] = lines[#lines] .. ' in ' .. engine.precision
    end
  end
  local counts = ('Suggestions: %d shown, %d accepted (%d characters), %d rejected'):format(
    tally.shown,
    tally.accepted,
    tally.acceptedCharacters,
    tally.rejected
  )
  table.insert(lines, counts)
  for _, each in ipairs(report.reasons) do
    table.insert(lines, ('Nothing suggested (%d): %s'):format(each.count, each.message))
  end
  return vim.list_extend(lines, report.problems)
end

--- Shows it.
function M.show()
  server.ask(vim.api.nvim_get_current_buf(), 'lacuna/status', nil, function(report)
    server.tell(table.concat(M.lines(report), '\n'))
  end)
end

return M
