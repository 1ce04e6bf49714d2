// Moves the texts of errors into a payload, where they are encrypted. Temporal loads this file by its path.
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
