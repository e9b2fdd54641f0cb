// Formats the Lua files of a folder by its .stylua.toml, or says which are not formatted: stylua.cjs [--fix] FOLDER
const { readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const stylua = require("@johnnymorganz/stylua/stylua_lib_node.cjs");

const [fix, folder] = process.argv.slice(2);

// Every option is a number or one of an enumeration; the names are those of the package, in another case.
const KINDS = {
  collapse_simple_statement: stylua.CollapseSimpleStatement,
  call_parentheses: stylua.CallParenType,
  indent_type: stylua.IndentType,
  quote_style: stylua.QuoteStyle,
};

const options = [...readFileSync(join(folder, ".stylua.toml"), "utf8").matchAll(/^(\w+) = (.+)$/gm)];

// A new one for each file: the formatter takes it away.
function makeConfig() {
  const config = stylua.Config.new();
  for (const [, name, text] of options) {
    const value = JSON.parse(text);
    config[name] = name in KINDS ? KINDS[name][value] : value;
  }
  return config;
}

let num_wrong = 0;
for (const name of readdirSync(folder, { recursive: true }).filter((each) => each.endsWith(".lua")).sort()) {
  const path = join(folder, name);
  const code = readFileSync(path, "utf8");
  const formatted = stylua.formatCode(code, makeConfig(), null, stylua.OutputVerification.Full);
  if (formatted === code) continue;
  if (fix === "--fix") {
    writeFileSync(path, formatted);
  } else {
    console.error(`${path} is not formatted: run tests/editors/neovim/lint --fix`);
    num_wrong += 1;
  }
}
process.exit(num_wrong ? 1 : 0);
