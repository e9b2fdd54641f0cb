--- Whether this Neovim is new enough. Nothing else of the plugin is loaded by one that is not.

local M = {}

---@return boolean suits if not, the user has been told, once
function M.suits()
  if vim.fn.has('nvim-0.12') == 1 then
    return true
  end
  if not M.is_told then
    M.is_told = true
    local message = 'Lacuna needs Neovim 0.12 or later; update Neovim or remove the plugin.'
    vim.api.nvim_echo({ { message, 'WarningMsg' } }, true, {})
  end
  return false
end

return M
