--- Ghost text from a denoiser that runs on this machine: what users and their mappings call.

local M = {}

local NAME = 'lacuna_ls'

local is_started = false

--- Sets what the user wants, and starts. Without it everything is as the defaults say, and no key is mapped.
---@param options? lacuna.Config
function M.setup(options)
  if not require('lacuna.neovim').suits() then
    return
  end
  local config = require('lacuna.config')
  config.set(options)
  vim.lsp.config(NAME, { settings = { lacuna = config.options.settings } })
  require('lacuna.keys').map(config.options.keys)
  M.start()
end

--- Starts the language server for the buffers that are open and those to come.
function M.start()
  if is_started then
    return
  end
  is_started = true
  require('lacuna.command').create()
  require('lacuna.uncertain').highlight()
  local group = vim.api.nvim_create_augroup('lacuna', {})
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == NAME then
        require('lacuna.toggle').attach(event.buf)
      end
    end,
  })
  vim.api.nvim_create_autocmd('InsertLeave', {
    group = group,
    callback = function(event)
      require('lacuna.ghost').left(event.buf)
    end,
  })
  vim.lsp.enable(NAME)
end

--- Takes the suggestion that is shown. All of these say whether there was something to do.
---@return boolean
function M.accept()
  return require('lacuna.accept').all()
end

---@return boolean
function M.accept_word()
  return require('lacuna.accept').word()
end

---@return boolean
function M.accept_line()
  return require('lacuna.accept').line()
end

--- Asks for a suggestion.
---@param length? 'auto'|'line'|'block'|integer
---@return boolean
function M.trigger(length)
  return require('lacuna.ask').trigger(length)
end

---@return boolean
function M.trigger_line()
  return M.trigger('line')
end

---@return boolean
function M.trigger_block()
  return M.trigger('block')
end

--- Shows the next alternative; asks for some if there is only one suggestion.
---@return boolean
function M.next()
  return require('lacuna.ask').alternative(1)
end

---@return boolean
function M.previous()
  return require('lacuna.ask').alternative(-1)
end

---@return boolean
function M.dismiss()
  return require('lacuna.ghost').clear(vim.api.nvim_get_current_buf())
end

--- How Lacuna is, in a word or two for the status line of the current buffer; empty where it is not at work.
---@return string
function M.statusline()
  return require('lacuna.status').line()
end

return M
