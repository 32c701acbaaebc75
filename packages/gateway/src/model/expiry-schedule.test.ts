import { utf8 } from '@tinykv/base';
import { expect, test } from 'vitest';
import { ExpirySchedule } from './expiry-schedule.js';
import { slotOf } from './slot.js';

test('gives slots when the first of their keys expires, in order, so many at a time', () => {
  const schedule = new ExpirySchedule();
  schedule.note(0, 0, 9, 500);
  schedule.note(0, 0, 9, 300);
  schedule.note(0, 0, 3, 300);
  schedule.note(0, 0, 5, 400);
  schedule.note(2, 0, 1, 350);
  expect(schedule.dueDatabases(299)).toEqual([]);
  expect(schedule.dueDatabases(300)).toEqual([0]);
  expect(schedule.takeDue(0, 0, 400, 2)).toEqual([3, 5]);
  expect(schedule.dueDatabases(400)).toEqual([0, 2]);
  expect(schedule.takeDue(0, 0, 400, 2)).toEqual([9]);
  expect(schedule.dueDatabases(10_000)).toEqual([2]);
});

test('forgets what was written before a flush, and begins anew with it', () => {
  const schedule = new ExpirySchedule();
  const key = utf8('k');
  schedule.note(0, 1, 7, 100);
  expect(schedule.takeDue(0, 2, 200, 9)).toEqual([]);
  expect(schedule.dueDatabases(200)).toEqual([]);
  schedule.noteWritten([{ db: 0, epoch: 3, key, at: 150n }]);
  schedule.note(0, 2, 8, 100);
  // A sweep with the table of before the flush takes none of it out.
  expect(schedule.takeDue(0, 2, 200, 9)).toEqual([]);
  expect(schedule.takeDue(0, 3, 200, 9)).toEqual([slotOf(key)]);
});
