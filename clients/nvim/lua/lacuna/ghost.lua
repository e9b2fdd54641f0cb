--- Ghost text: what `vim.lsp.inline_completion` shows, and where.
---
--- That module asks by itself, shows what it got, and knows of nothing else. So its requests are observed: where it
--- asked tells what the user has typed since, and the function that takes its answers takes suggestions from elsewhere
--- too, such as those that were asked for by a key. As long as such a suggestion is shown and nothing has been typed,
--- the module's own requests are held back: an automatic answer would take its place.

local feedback = require('lacuna.feedback')
local position = require('lacuna.position')

local M = {}

local METHOD = 'textDocument/inlineCompletion'

--- Suggestions, and the place they were made for.
---@class lacuna.Shown
---@field client vim.lsp.Client
---@field row integer of the cursor, from 0
---@field column integer in bytes
---@field line string as it was
---@field items lsp.InlineCompletionItem[]

---@class lacuna.Ghost
---@field take lsp.Handler of what shall be shown
---@field client vim.lsp.Client
---@field shown? lacuna.Shown
---@field held? string where the module's own requests are held back
---@field waiting? fun() for the first request

---@type table<integer, lacuna.Ghost>
local ghosts = {}

---@param buffer integer
---@return string place differs once the cursor or the text has changed
local function place_in(buffer)
  local cursor = vim.api.nvim_win_get_cursor(0)
  return table.concat({ buffer, vim.api.nvim_buf_get_changedtick(buffer), cursor[1], cursor[2] }, ':')
end

---@param client vim.lsp.Client
---@return lacuna.Shown
local function nothing_shown(client)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  return { client = client, row = row - 1, column = column, line = vim.api.nvim_get_current_line(), items = {} }
end

--- Observes a client's requests. `on_init` of the language server.
---@param client vim.lsp.Client
function M.observe(client)
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  client.request = function(self, method, params, handler, buffer)
    if method ~= METHOD then
      return request(self, method, params, handler, buffer)
    end
    local ghost = ghosts[buffer] or {}
    ghosts[buffer], ghost.client, ghost.take = ghost, client, handler
    if ghost.waiting then
      ghost.waiting()
      ghost.waiting = nil
    end
    if ghost.held == place_in(buffer) then
      return true
    end
    ghost.held = nil
    local shown = nothing_shown(client)
    return request(self, method, params, function(failure, answer, context)
      if ghost.held and ghost.held == place_in(buffer) then
        return
      end
      shown.items = answer and (answer.items or answer) or {}
      ghost.shown = shown
      feedback.shown(buffer, client, shown.items)
      handler(failure, answer, context)
    end, buffer)
  end
end

--- Holds the module's own requests back until something changes.
---@param buffer integer current
function M.hold(buffer)
  ghosts[buffer].held = place_in(buffer)
end

--- Shows suggestions at the cursor, and holds what else would be shown back until something changes.
---@param buffer integer current
---@param items lsp.InlineCompletionItem[]
function M.show(buffer, items)
  local ghost = ghosts[buffer]
  ghost.shown = nothing_shown(ghost.client)
  ghost.shown.items = items
  ghost.held = #items > 0 and place_in(buffer) or nil
  feedback.shown(buffer, ghost.client, items)
  ghost.take(nil, items, { client_id = ghost.client.id, bufnr = buffer, method = METHOD })
end

--- What of a suggestion is not in the buffer yet.
---@param shown lacuna.Shown
---@param typed string since it was made
---@param item lsp.InlineCompletionItem
---@return string? rest nil: something else was typed
---@return integer num_replaced bytes behind the cursor that it takes the place of
function M.rest(shown, typed, item)
  local range = assert(item.range)
  local head = shown.line:sub(position.to_byte(shown.line, range.start, shown.client) + 1, shown.column) .. typed
  local num_replaced = position.to_byte(shown.line, range['end'], shown.client) - shown.column
  local text = item.insertText --[[@as string]]
  return vim.startswith(text, head) and text:sub(#head + 1) or nil, num_replaced
end

--- What is shown, if it still goes on from what stands before the cursor.
---@param buffer integer current
---@return lacuna.Shown?
---@return string typed since
function M.shown(buffer)
  local shown = ghosts[buffer] and ghosts[buffer].shown
  if not shown then
    return nil, ''
  end
  local now, line = nothing_shown(shown.client), shown.line
  local stands = now.row == shown.row
    and now.column >= shown.column
    and vim.startswith(now.line, line:sub(1, shown.column))
    and now.line:sub(now.column + 1) == line:sub(shown.column + 1)
  local typed = stands and now.line:sub(shown.column + 1, now.column) or ''
  local goes_on = stands
    and vim.iter(shown.items):any(function(item)
      return M.rest(shown, typed, item) ~= nil
    end)
  return goes_on and shown or nil, typed
end

--- Does something once suggestions can be shown, which is at once unless insert mode has just begun.
---@param buffer integer current
---@param go fun()
function M.when_ready(buffer, go)
  if ghosts[buffer] and ghosts[buffer].take then
    return go()
  end
  ghosts[buffer] = ghosts[buffer] or {}
  ghosts[buffer].waiting = go
  vim.api.nvim_exec_autocmds('CursorMovedI', { buffer = buffer, modeline = false })
end

--- Hides what is shown.
---@param buffer integer current
---@return boolean is_hidden
function M.clear(buffer)
  if not M.shown(buffer) then
    return false
  end
  M.show(buffer, {})
  M.hold(buffer)
  return true
end

--- Insert mode has been left.
---@param buffer integer
function M.left(buffer)
  local ghost = ghosts[buffer]
  if ghost then
    ghost.shown, ghost.held, ghost.waiting = nil, nil, nil
    feedback.left(buffer)
  end
end

--- The server has ended.
---@param client_id integer
function M.forget(client_id)
  for buffer, ghost in pairs(ghosts) do
    if ghost.client and ghost.client.id == client_id then
      ghosts[buffer] = nil
    end
  end
end

return M
