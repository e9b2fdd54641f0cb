--- Taking a suggestion: all of it, its next word or its next line.
---
--- `vim.lsp.inline_completion` inserts what it got where it was asked for, so that what has been typed since would
--- stand there twice. Here the insertion is our own: it leaves out what is there already, and does nothing if something
--- else is there.

local feedback = require('lacuna.feedback')
local ghost = require('lacuna.ghost')
local position = require('lacuna.position')

local M = {}

--- Line breaks and blanks, then a run of letters or of signs; bytes above 127 are parts of letters.
local WORDS = { '^%s*[%w_\128-\255]+', '^%s*[^%w_%s\128-\255]+', '^%s+' }
local LINES = { '^\n*[^\n]*' }
local ALL = { '^.*' }

--- What undoing brings back is what was typed, not what was there before it.
local function begin_undo_step()
  vim.bo.undolevels = vim.bo.undolevels
end

---@param buffer integer current
---@param num_replaced integer bytes behind the cursor
---@param text string
local function insert(buffer, num_replaced, text)
  begin_undo_step()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.split(text, '\n', { plain = true })
  vim.api.nvim_buf_set_text(buffer, row - 1, column, row - 1, column + num_replaced, lines)
  local start = #lines == 1 and column or 0
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, start + #lines[#lines] })
end

--- The rest of a suggestion, once a part of it was taken.
---@param client vim.lsp.Client
---@param item lsp.InlineCompletionItem
---@param rest string
---@param num_replaced integer
---@return lsp.InlineCompletionItem
local function remainder(client, item, rest, num_replaced)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  local left = vim.deepcopy(item)
  left.insertText = rest
  left.range = {
    start = position.of_byte(row - 1, line, column, client),
    ['end'] = position.of_byte(row - 1, line, column + num_replaced, client),
  }
  for _, argument in ipairs(left.command and left.command.arguments or {}) do
    argument.length = vim.fn.strchars(rest)
  end
  return left
end

---@param buffer integer current
---@param item lsp.InlineCompletionItem
---@param rest string
---@param num_replaced integer
---@param client vim.lsp.Client
---@param patterns string[]
local function take(buffer, item, rest, num_replaced, client, patterns)
  local piece
  for _, pattern in ipairs(patterns) do
    piece = piece or rest:match(pattern)
  end
  if piece == rest then
    insert(buffer, num_replaced, rest)
    feedback.accepted(buffer, client, vim.fn.strchars(rest), true)
    require('lacuna.uncertain').mark_item(buffer, client, item)
  else
    insert(buffer, 0, piece)
    feedback.accepted(buffer, client, vim.fn.strchars(piece), false)
    ghost.show(buffer, { remainder(client, item, rest:sub(#piece + 1), num_replaced) })
  end
end

---@param patterns string[] of what to take; the first that matches counts
---@return boolean
local function accept(patterns)
  local buffer = vim.api.nvim_get_current_buf()
  if not ghost.shown(buffer) then
    return false
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(current)
      local shown, typed = ghost.shown(buffer) -- the next key may have come first
      if not shown or current.client_id ~= shown.client.id then
        return shown and current or nil
      end
      for _, item in ipairs(shown.items) do
        local rest, num_replaced = ghost.rest(shown, typed, item)
        if rest and item.insertText == current.insert_text then
          take(buffer, item, rest, num_replaced, shown.client, patterns)
          break
        end
      end
    end,
  })
end

---@return boolean is_accepted
function M.all()
  return accept(ALL)
end

---@return boolean is_accepted
function M.word()
  return accept(WORDS)
end

---@return boolean is_accepted
function M.line()
  return accept(LINES)
end

return M
