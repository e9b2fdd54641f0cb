--- The language server of Lacuna, for |vim.lsp.enable()|. What is given to |vim.lsp.config()| under this name prevails.

local config = require('lacuna.config')
local ghost = require('lacuna.ghost')
local server = require('lacuna.server')
local status = require('lacuna.status')
local uncertain = require('lacuna.uncertain')

---@type vim.lsp.Config
return {
  cmd = server.start,
  root_dir = server.root_dir,
  settings = { lacuna = config.defaults.settings },
  capabilities = { experimental = { lacuna = { status = true, replay = true } } },
  handlers = { ['lacuna/status'] = status.on_status },
  commands = { ['lacuna.accepted'] = uncertain.on_accepted },
  before_init = function(params, resolved)
    params.initializationOptions = resolved.settings.lacuna
  end,
  on_init = ghost.observe,
  on_exit = server.on_exit,
}
