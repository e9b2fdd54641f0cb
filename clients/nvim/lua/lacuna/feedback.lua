--- Tells the server what becomes of suggestions, which makes it slower to interrupt those who take few.

local M = {}

--- What was shown last in a buffer and neither taken nor typed.
---@type table<integer, { client: vim.lsp.Client, text: string }?>
local open = {}

---@param buffer integer
---@param client vim.lsp.Client
---@param what 'shown'|'accepted'|'rejected'
---@param length? integer
local function notify(buffer, client, what, length)
  client:notify('lacuna/' .. what, { textDocument = { uri = vim.uri_from_bufnr(buffer) }, length = length or 0 })
end

--- Whoever has typed all of a suggestion has not rejected it.
---@param buffer integer current
local function reject(buffer)
  local last = open[buffer]
  open[buffer] = nil
  if last and not vim.api.nvim_get_current_line():find(last.text:match('[^\n]*$'), 1, true) then
    notify(buffer, last.client, 'rejected')
  end
end

--- Suggestions have come. What is left of one that is being typed is no other.
---@param buffer integer current
---@param client vim.lsp.Client
---@param items lsp.InlineCompletionItem[]
function M.shown(buffer, client, items)
  local text = items[1] and items[1].insertText --[[@as string?]]
  local last = open[buffer]
  if not text or (last and vim.endswith(last.text, text)) then
    return
  end
  reject(buffer)
  open[buffer] = { client = client, text = text }
  notify(buffer, client, 'shown')
end

--- A suggestion was taken, or a part of it.
---@param buffer integer
---@param client vim.lsp.Client
---@param num_characters integer
---@param is_all boolean
function M.accepted(buffer, client, num_characters, is_all)
  notify(buffer, client, 'accepted', num_characters)
  if is_all then
    open[buffer] = nil
  end
end

--- Insert mode has been left with a suggestion that was not taken.
---@param buffer integer current
function M.left(buffer)
  reject(buffer)
end

return M
