--- What a user can set, and what holds if nothing is set.

---@class lacuna.Config
---@field cmd? string[] the language server; nil: that of the Python environment in use, else of the PATH
---@field keys lacuna.Keys
---@field settings lacuna.Settings sent to the language server, which says what is wrong with them

--- Keys of insert mode. Where there is nothing to do for one, it does what it did before.
---@class lacuna.Keys
---@field accept? string
---@field accept_word? string
---@field accept_line? string
---@field trigger? string asks for a suggestion, whatever speaks against an automatic one
---@field trigger_line? string
---@field trigger_block? string
---@field next? string alternative
---@field previous? string alternative
---@field dismiss? string

--- The README of the server says more about each.
---@class lacuna.Settings
---@field enable table<string, boolean> file types to be completed or not; `*` stands for all others
---@field automatic boolean suggest while the user types
---@field completion boolean be an entry of the completion menu too
---@field length 'auto'|'line'|'block'|integer how much to suggest
---@field min_confidence number how likely a suggestion must be right to be shown by itself, 0 to 1
---@field delay_ms number what to wait for the next key
---@field deadline_ms number time for an automatic suggestion
---@field secret_files? string[] files to be left alone; nil: the server's own list
---@field schemas table<string, string> JSON Schemas by patterns of documents
---@field context lacuna.ContextSettings
---@field engine lacuna.EngineSettings
---@field log lacuna.LogSettings

---@class lacuna.ContextSettings most characters of each; 0: none
---@field imports integer
---@field similar integer
---@field edits integer

---@class lacuna.EngineSettings
---@field url string an engine that somebody else runs
---@field token_file string
---@field ca_file string
---@field checkpoint string directory of the model; empty: the embedded one
---@field device string
---@field precision 'auto'|'fp8'|'4bit' what most weights are held as
---@field idle_minutes number

---@class lacuna.LogSettings
---@field level 'error'|'warning'|'info'|'debug'
---@field editor boolean
---@field content boolean let messages hold code

local M = {}

---@type lacuna.Config
M.defaults = {
  keys = {},
  settings = {
    enable = { ['*'] = true },
    automatic = true,
    completion = false,
    length = 'auto',
    min_confidence = 0.25,
    delay_ms = 75,
    deadline_ms = 2000,
    schemas = vim.empty_dict(),
    context = { imports = 0, similar = 0, edits = 0 },
    engine = {
      url = '',
      token_file = '',
      ca_file = '',
      checkpoint = '',
      device = 'auto',
      precision = 'auto',
      idle_minutes = 30,
    },
    log = { level = 'warning', editor = false, content = false },
  },
}

M.options = M.defaults

---@param options? table what the user gives to `setup()`
function M.set(options)
  options = options or {}
  for _, name in ipairs(vim.tbl_keys(options)) do
    if not vim.list_contains({ 'cmd', 'keys', 'settings' }, name) then
      error(('Lacuna: setup() takes cmd, keys and settings, not %s.'):format(name), 0)
    end
  end
  vim.validate('cmd', options.cmd, vim.islist, true, 'a list: the command and its arguments')
  vim.validate('keys', options.keys, 'table', true)
  vim.validate('settings', options.settings, 'table', true)
  M.options = vim.tbl_deep_extend('force', M.defaults, options)
end

return M
