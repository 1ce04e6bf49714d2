// Moves the messages and stacks of errors into a payload, where the codec encrypts them. Temporal loads this file by its path,
// in Node and in the workflow bundle, so it is plain CommonJS.
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
