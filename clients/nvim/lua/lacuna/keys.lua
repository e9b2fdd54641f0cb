--- Mappings of insert mode. A key for which there is nothing to do does what it did before it was mapped.

local M = {}

local ACTIONS = {
  'accept',
  'accept_word',
  'accept_line',
  'trigger',
  'trigger_line',
  'trigger_block',
  'next',
  'previous',
  'dismiss',
}

--- An open menu and a snippet that has a place to jump to come first: their keys are often the same.
---@return boolean
local function is_taken()
  return vim.fn.pumvisible() == 1 or vim.snippet.active({ direction = 1 })
end

---@class lacuna.KeyBefore
---@field keys string
---@field mode string of |nvim_feedkeys()|

--- Keeps what a key does, if need be under a name of our own.
---@param key string
---@return lacuna.KeyBefore
local function kept(key)
  local mapping = vim.fn.maparg(key, 'i', false, true)
  if vim.tbl_isempty(mapping) then
    return { keys = vim.keycode(key), mode = 'ni' }
  end
  local name = '<Plug>(lacuna-before-' .. key:gsub('[<>]', '') .. ')'
  mapping.lhs, mapping.lhsraw, mapping.lhsrawalt = name, vim.keycode(name), nil
  vim.fn.mapset('i', false, mapping)
  return { keys = vim.keycode(name), mode = 'mi' }
end

---@type table<string, lacuna.KeyBefore> what mapped keys did
local before = {}

---@param keys lacuna.Keys
function M.map(keys)
  for action, key in pairs(keys) do
    if not vim.list_contains(ACTIONS, action) then
      local message = 'Lacuna: there is no key for %s; there are keys for %s.'
      error(message:format(action, table.concat(ACTIONS, ', ')), 0)
    end
    before[key] = before[key] or kept(key)
    vim.keymap.set('i', key, function()
      if is_taken() or not require('lacuna')[action]() then
        vim.api.nvim_feedkeys(before[key].keys, before[key].mode, false)
      end
    end, { desc = 'Lacuna: ' .. action:gsub('_', ' ') })
  end
end

return M
