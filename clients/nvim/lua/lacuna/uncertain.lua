--- Spans of accepted text that the denoiser was not sure of: marked until the file is saved, and made anew on demand.

local feedback = require('lacuna.feedback')
local position = require('lacuna.position')

local M = {}

local namespace = vim.api.nvim_create_namespace('lacuna.uncertain')

--- What the server says of a span of text.
---@class lacuna.Uncertain
---@field range lsp.Range
---@field confidence number

function M.highlight()
  vim.api.nvim_set_hl(0, 'LacunaUncertain', { default = true, link = 'DiagnosticUnderlineHint' })
  vim.api.nvim_create_autocmd('BufWritePost', {
    group = vim.api.nvim_create_augroup('lacuna.uncertain', {}),
    callback = function(event)
      M.clear(event.buf)
    end,
  })
end

---@param buffer integer
---@param client vim.lsp.Client
---@param spans? lacuna.Uncertain[]
function M.mark(buffer, client, spans)
  for _, span in ipairs(spans or {}) do
    local first, last = span.range.start, span.range['end']
    local from = position.to_byte(position.line(buffer, first.line), first, client)
    vim.api.nvim_buf_set_extmark(buffer, namespace, first.line, from, {
      end_row = last.line,
      end_col = position.to_byte(position.line(buffer, last.line), last, client),
      hl_group = 'LacunaUncertain',
      invalidate = true,
      undo_restore = false,
    })
  end
end

--- Marks what is uncertain in a suggestion of which all has been accepted.
---@param buffer integer
---@param client vim.lsp.Client
---@param item lsp.InlineCompletionItem
function M.mark_item(buffer, client, item)
  local argument = item.command and item.command.arguments and item.command.arguments[1]
  M.mark(buffer, client, argument and argument.uncertain)
end

--- A suggestion was accepted by a mapping that knows nothing of Lacuna. A client command of the language server.
---@param command lsp.Command
---@param context { bufnr: integer, client_id: integer }
function M.on_accepted(command, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local argument = assert(command.arguments)[1]
  feedback.accepted(context.bufnr, client, argument.length, true)
  M.mark(context.bufnr, client, argument.uncertain)
end

--- The marked spans of a buffer, or only that under the cursor if there is one.
---@param buffer integer current
---@param client vim.lsp.Client
---@return lsp.Range[] ranges
---@return integer[] ids of their marks
local function spans(buffer, client)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local ranges, ids = {}, {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })) do
    local id, from_row, from, details = mark[1], mark[2], mark[3], mark[4]
    if not details.invalid then
      local to_row, to = details.end_row, details.end_col
      local range = {
        start = position.of_byte(from_row, position.line(buffer, from_row), from, client),
        ['end'] = position.of_byte(to_row, position.line(buffer, to_row), to, client),
      }
      local is_before = row - 1 < from_row or (row - 1 == from_row and column < from)
      local is_behind = row - 1 > to_row or (row - 1 == to_row and column >= to)
      if not is_before and not is_behind then
        return { range }, { id }
      end
      table.insert(ranges, range)
      table.insert(ids, id)
    end
  end
  return ranges, ids
end

--- Makes the span under the cursor anew, or all that are marked if the cursor is in none.
function M.regenerate()
  local server = require('lacuna.server')
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.client(buffer)
  local ranges, ids = {}, {}
  if client then
    ranges, ids = spans(buffer, client)
    if #ranges == 0 then
      server.tell('Lacuna has marked nothing as uncertain in this buffer.')
      return
    end
  end
  require('lacuna.fill').ranges(buffer, ranges, function()
    for _, id in ipairs(ids) do
      vim.api.nvim_buf_del_extmark(buffer, namespace, id)
    end
  end)
end

---@param buffer integer
function M.clear(buffer)
  vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
end

return M
