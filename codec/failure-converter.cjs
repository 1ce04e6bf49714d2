// Moves the messages and stacks of errors into a payload, where the codec encrypts them, and believes no error whose message does
// not come out of such a payload: whoever can write to Temporal can report one in clear. Temporal loads this file by its path, in
// Node and in the workflow bundle, so it is plain CommonJS.
const { DefaultFailureConverter } = require('@temporalio/common');

// The server says so of an update that met the end of its workflow.
const ofTheServer = new Set(['AcceptedUpdateCompletedWorkflow']);

class VouchedFailureConverter extends DefaultFailureConverter {
  constructor() {
    super({ encodeCommonAttributes: true });
  }

  failureToError(failure, payloadConverter, context) {
    const told = failure.applicationFailureInfo;
    if (!told || vouched(failure, payloadConverter, context)) return super.failureToError(failure, payloadConverter, context);
    // Anybody can borrow the server's word too, so nothing of it but the word is taken over.
    const type = ofTheServer.has(told.type) ? told.type : 'failure-unvouched';
    const untold = { message: 'No process with a key reported this failure.', source: failure.source, applicationFailureInfo: { type, nonRetryable: true } };
    return super.failureToError(untold, payloadConverter, context);
  }
}

function vouched({ encodedAttributes }, payloadConverter, context) {
  if (!encodedAttributes) return false;
  try {
    const attributes = payloadConverter.fromPayload(encodedAttributes, context);
    return typeof attributes === 'object' && attributes !== null && typeof attributes.message === 'string';
  } catch {
    return false;
  }
}

exports.failureConverter = new VouchedFailureConverter();
