--- Turning ghost text off and on: everywhere, in a buffer, or for a file type.

local server = require('lacuna.server')

local M = {}

local is_on = true

---@param buffer integer
local function apply(buffer)
  vim.lsp.inline_completion.enable(is_on and vim.b[buffer].lacuna ~= false, { bufnr = buffer })
end

--- The server has been attached to a buffer.
---@param buffer integer
function M.attach(buffer)
  apply(buffer)
end

---@param clients vim.lsp.Client[]
local function apply_to_all(clients)
  for _, client in ipairs(clients) do
    for buffer in pairs(client.attached_buffers) do
      apply(buffer)
    end
  end
end

---@param is_now_on boolean
---@param where string
local function tell(is_now_on, where)
  server.tell(('Lacuna is %s %s.'):format(is_now_on and 'on' or 'off', where))
end

---@type table<string, fun()>
local toggles = {}

function toggles.everywhere()
  is_on = not is_on
  apply_to_all(vim.lsp.get_clients({ name = 'lacuna_ls' }))
  tell(is_on, 'everywhere')
end

--- `vim.b.lacuna = false`, set by whomever, keeps it off in a buffer.
function toggles.buffer()
  local buffer = vim.api.nvim_get_current_buf()
  vim.b[buffer].lacuna = vim.b[buffer].lacuna == false
  apply(buffer)
  tell(vim.b[buffer].lacuna, 'in this buffer')
end

--- The server's own setting, until Neovim ends.
function toggles.filetype()
  local filetype = vim.bo.filetype
  local is_now_on
  for _, client in ipairs(vim.lsp.get_clients({ name = 'lacuna_ls' })) do
    local enable = client.settings.lacuna.enable
    is_now_on = not vim.F.if_nil(enable[filetype], enable['*'], true)
    enable[filetype] = is_now_on
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
  end
  tell(is_now_on == true, 'for ' .. filetype)
end

M.scopes = { 'everywhere', 'buffer', 'filetype' }

---@param scope? 'everywhere'|'buffer'|'filetype'
function M.toggle(scope)
  toggles[scope or 'everywhere']()
end

return M
