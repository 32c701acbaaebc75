export type { Violation } from './checkers/history.js';
export { checkListAppend } from './checkers/list-append.js';
export type { TxnOp, TxnRecord } from './checkers/txn-record.js';
