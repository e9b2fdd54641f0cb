--- The last fill, denoising step by denoising step, in a floating window.

local server = require('lacuna.server')

local M = {}

local namespace = vim.api.nvim_create_namespace('lacuna.replay')

local MASK = '░'

--- A slot of the canvas, or a token of the result.
---@class lacuna.Slot
---@field text? string nil: open
---@field confidence number

---@class lacuna.Replay answer of `lacuna/replay`
---@field before string
---@field after string
---@field segments string[] between the gaps
---@field steps { step: integer, elapsedMs: number, gaps: lacuna.Slot[][] }[]
---@field tokens lacuna.Slot[][]
---@field stopReason string
---@field totalMs number

--- From the least confident on.
local GROUPS = { 'DiagnosticError', 'DiagnosticWarn', 'DiagnosticInfo', 'DiagnosticOk' }

---@param slot lacuna.Slot
---@return string group
local function group_of(slot)
  if not slot.text then
    return 'NonText'
  end
  return GROUPS[math.min(math.floor(slot.confidence * #GROUPS) + 1, #GROUPS)]
end

--- The text of a canvas in pieces, each with its highlight group.
---@param replay lacuna.Replay
---@param gaps lacuna.Slot[][]
---@return [string, string][]
local function pieces(replay, gaps)
  local all = { { replay.before, 'Comment' } }
  for number, slots in ipairs(gaps) do
    for _, slot in ipairs(slots) do
      table.insert(all, { slot.text or MASK, group_of(slot) })
    end
    table.insert(all, { replay.segments[number] or '', 'Comment' })
  end
  table.insert(all, { replay.after, 'Comment' })
  return all
end

--- Writes pieces into a buffer.
---@param buffer integer
---@param all [string, string][]
local function draw(buffer, all)
  local text, marks = '', {}
  for _, piece in ipairs(all) do
    table.insert(marks, { #text, #text + #piece[1], piece[2] })
    text = text .. piece[1]
  end
  local lines = vim.split(text, '\n', { plain = true })
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  local starts, offset = {}, 0
  for row, line in ipairs(lines) do
    starts[row], offset = offset, offset + #line + 1
  end
  ---@param at integer
  ---@return integer row
  ---@return integer column
  local function place(at)
    local row = #starts
    while starts[row] > at do
      row = row - 1
    end
    return row - 1, at - starts[row]
  end
  vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  for _, mark in ipairs(marks) do
    local row, column = place(mark[1])
    local end_row, end_column = place(mark[2])
    vim.api.nvim_buf_set_extmark(buffer, namespace, row, column, {
      end_row = end_row,
      end_col = end_column,
      hl_group = mark[3],
    })
  end
end

--- Shows a replay: the steps, then the result.
---@param replay lacuna.Replay
function M.show(replay)
  local frames = {}
  for _, step in ipairs(replay.steps) do
    local title = (' step %d of %d, %.0f ms '):format(step.step, #replay.steps, step.elapsedMs)
    table.insert(frames, { title = title, pieces = pieces(replay, step.gaps) })
  end
  local title = (' result: %s, %.0f ms '):format(replay.stopReason, replay.totalMs)
  table.insert(frames, { title = title, pieces = pieces(replay, replay.tokens) })

  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = 'wipe'
  local window = vim.api.nvim_open_win(buffer, true, {
    relative = 'editor',
    row = 1,
    col = 4,
    width = math.max(vim.o.columns - 10, 20),
    height = math.max(math.floor(vim.o.lines * 0.6), 5),
    style = 'minimal',
    border = 'rounded',
    footer = ' l next  h previous  q close ',
  })
  local at = 1
  ---@param to integer
  local function go(to)
    at = math.min(math.max(to, 1), #frames)
    draw(buffer, frames[at].pieces)
    vim.api.nvim_win_set_config(window, { title = frames[at].title })
  end
  ---@param keys string[]
  ---@param action fun()
  local function map(keys, action)
    for _, key in ipairs(keys) do
      vim.keymap.set('n', key, action, { buffer = buffer, nowait = true })
    end
  end
  map({ 'l', '<Right>', '<Space>' }, function()
    go(at + 1)
  end)
  map({ 'h', '<Left>' }, function()
    go(at - 1)
  end)
  map({ 'q', '<Esc>' }, function()
    vim.api.nvim_win_close(window, true)
  end)
  go(1)
end

--- Asks for the last fill of this buffer, or of any.
function M.open()
  local buffer = vim.api.nvim_get_current_buf()
  local params = { textDocument = vim.lsp.util.make_text_document_params(buffer) }
  server.ask(buffer, 'lacuna/replay', params, function(replay)
    if replay then
      M.show(replay)
    else
      server.tell('Lacuna has filled nothing yet.')
    end
  end)
end

return M
