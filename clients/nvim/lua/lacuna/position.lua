--- Positions of the protocol, which count lines from 0 and, within a line, in units that both sides agreed upon.

local M = {}

--- The column of a position, in bytes.
---@param line string that the position is in
---@param position lsp.Position
---@param client vim.lsp.Client
---@return integer
function M.to_byte(line, position, client)
  return vim.str_byteindex(line, client.offset_encoding, position.character, false)
end

---@param row integer from 0
---@param line string
---@param byte integer
---@param client vim.lsp.Client
---@return lsp.Position
function M.of_byte(row, line, byte, client)
  return { line = row, character = vim.str_utfindex(line, client.offset_encoding, byte, false) }
end

--- A line of a buffer; empty behind the last one.
---@param buffer integer
---@param row integer from 0
---@return string
function M.line(buffer, row)
  return vim.api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ''
end

return M
