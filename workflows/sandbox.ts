// Loaded once, before the sandbox of workflows is frozen. Temporal's SDK takes the stack of every promise that a workflow makes and
// translates it frame by frame, which took a third of the time in workflow code. This many say where something came from.
Error.stackTraceLimit = 4;

export {};
