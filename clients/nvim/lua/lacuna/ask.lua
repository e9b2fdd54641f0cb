--- Asking for suggestions by a key: whatever speaks against an automatic one, of another length, or for alternatives.

local ghost = require('lacuna.ghost')
local server = require('lacuna.server')

local M = {}

--- Asks and shows, unless the user goes on meanwhile.
---@param buffer integer current
---@param method string
---@param extra table parameters besides the place
---@param show fun(items: lsp.InlineCompletionItem[])
local function ask(buffer, method, extra, show)
  ghost.hold(buffer)
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  local client = assert(server.client(buffer))
  local params = vim.tbl_extend('error', vim.lsp.util.make_position_params(0, client.offset_encoding), extra)
  server.ask(buffer, method, params, function(answer)
    local is_outdated = buffer ~= vim.api.nvim_get_current_buf()
      or tick ~= vim.api.nvim_buf_get_changedtick(buffer)
      or not vim.startswith(vim.api.nvim_get_mode().mode, 'i')
    if is_outdated then
      return
    end
    show(answer.items)
    if #answer.items == 0 then
      server.tell('Lacuna: ' .. answer.message .. '.')
    end
  end)
end

--- Whether suggestions can be shown where the user is; if not, it is said why.
---@param buffer integer current
---@return boolean
local function can_show(buffer)
  local why
  if not vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
    why = 'Lacuna suggests in insert mode; elsewhere :Lacuna fill takes a range.'
  elseif not server.client(buffer) then
    why = 'Lacuna is not at work in this buffer; :checkhealth lacuna says why.'
  elseif not vim.lsp.inline_completion.is_enabled({ bufnr = buffer }) then
    why = 'Lacuna is off; :Lacuna toggle turns it on.'
  end
  if why then
    server.tell(why)
  end
  return not why
end

--- Shows a suggestion of a length, or says why there is none.
---@param length? 'auto'|'line'|'block'|integer
---@return boolean is_asked
function M.trigger(length)
  local buffer = vim.api.nvim_get_current_buf()
  if not can_show(buffer) then
    return false
  end
  ghost.when_ready(buffer, function()
    ask(buffer, 'lacuna/complete', { length = length or 'auto' }, function(items)
      ghost.show(buffer, items)
    end)
  end)
  return true
end

--- What is shown, then the others.
---@param shown? lacuna.Shown
---@param items lsp.InlineCompletionItem[]
---@return lsp.InlineCompletionItem[]
local function merged(shown, items)
  local texts, all = {}, {}
  for _, item in ipairs(vim.list_extend(shown and vim.list_slice(shown.items) or {}, items)) do
    if not texts[item.insertText] then
      texts[item.insertText] = true
      table.insert(all, item)
    end
  end
  return all
end

--- Shows another of the suggestions, if need be after asking for some.
---@param count integer -1: the one before
---@return boolean is_asked
function M.alternative(count)
  local buffer = vim.api.nvim_get_current_buf()
  local shown, typed = ghost.shown(buffer)
  if shown and #shown.items > 1 then
    vim.lsp.inline_completion.select({ count = count })
    return true
  end
  if not can_show(buffer) then
    return false
  end
  ghost.when_ready(buffer, function()
    ask(buffer, 'lacuna/alternatives', {}, function(items)
      local all = merged(typed == '' and shown or nil, items)
      ghost.show(buffer, all)
      if #all > 1 and shown then
        vim.lsp.inline_completion.select({ count = count })
      elseif #items > 0 and #all == 1 then
        server.tell('Lacuna knows nothing else for this place.')
      end
    end)
  end)
  return true
end

return M
