if vim.g.loaded_lacuna then
  return
end
vim.g.loaded_lacuna = true

-- `setup()` may follow in the same tick, as it does with lazy.nvim; what it is given shall be known before the start.
if require('lacuna.neovim').suits() then
  vim.schedule(require('lacuna').start)
end
