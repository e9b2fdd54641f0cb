--- `:checkhealth lacuna`.

local server = require('lacuna.server')

local M = {}

local PATIENCE_MS = 5000

function M.check()
  vim.health.start('Lacuna')
  if not require('lacuna.neovim').suits() then
    vim.health.error('Neovim is older than 0.12.', 'Update Neovim.')
    return
  end
  vim.health.ok('Neovim has inline completion.')

  local command = server.command()
  if not command then
    vim.health.error('There is no command `lacuna`.', {
      'Install it with `pip install lacuna` where Neovim finds it.',
      "Or name it: require('lacuna').setup({ cmd = { '/path/to/lacuna', 'serve' } })",
    })
    return
  end
  local version = vim.system({ command[1], '--version' }, { text = true }):wait()
  if version.code == 0 then
    vim.health.ok(('%s: %s'):format(vim.trim(version.stdout), vim.fn.fnamemodify(command[1], ':~')))
  else
    vim.health.error(('%s --version fails.'):format(command[1]), vim.trim(version.stderr))
  end

  local clients = vim.lsp.get_clients({ name = 'lacuna_ls' })
  if #clients == 0 then
    vim.health.warn('The language server is not running.', 'Open a file with a file type, then look again.')
  end
  for _, client in ipairs(clients) do
    local report
    server.ask(next(client.attached_buffers), 'lacuna/status', nil, function(answer)
      report = answer
    end)
    vim.wait(PATIENCE_MS, function()
      return report ~= nil
    end)
    if report then
      M.report(report)
    else
      vim.health.error('The language server does not answer.', ':Lacuna restart')
    end
  end
end

---@param report table answer of `lacuna/status`
function M.report(report)
  local lines = require('lacuna.status').lines(report)
  if report.condition.state == 'error' then
    vim.health.error(lines[1])
  else
    vim.health.ok(lines[1])
  end
  for _, line in ipairs(vim.list_slice(lines, 2, #lines - #report.problems)) do
    vim.health.info(line)
  end
  for _, problem in ipairs(report.problems) do
    vim.health.warn(problem)
  end
end

return M
