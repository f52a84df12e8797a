// Takes the place of a library's parts that ODO does not use; see bundle.ts. Calling one is an error.
module.exports = {};
