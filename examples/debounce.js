'use strict';

/**
 * Calls a function once its callers have been quiet for a while.
 *
 * @param {Function} callback Called with the arguments of the last call.
 * @param {number} delay Milliseconds of quiet to wait for.
 * @param {{leading?: boolean}} options With `leading`, the first call goes through at once.
 * @returns {Function} The patient function; its `cancel()` forgets a waiting call.
 */
function debounce(callback, delay, options = {}) {
  if (typeof callback !== 'function') {
    throw new TypeError('debounce needs a function');
  }
  let timer = null;
  let lastArguments = null;

  function run() {
    timer = null;
    if (lastArguments !== null) {
      const args = lastArguments;
      lastArguments = null;
      callback(...args);
    }
  }

  function debounced(...args) {
    const isFirst = timer === null;
    clearTimeout(timer);
    timer = setTimeout(run, delay);
    if (options.leading && isFirst) {
      callback(...args);
    } else {
      lastArguments = args;
    }
  }

  debounced.cancel = function () {
    clearTimeout(<FILL>);
    timer = null;
    lastArguments = null;
  };

  return debounced;
}

module.exports = { debounce };
