// Takes the place of a library's parts that ODO does not use; see build.mjs. Calling one is an error.
module.exports = {};
