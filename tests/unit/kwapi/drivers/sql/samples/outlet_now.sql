-- A table in a shape that a metering gateway writes: one row for each outlet, overwritten,
-- in hundredths of A, V and percent. Ours: those of Schleifenbauer's gateway are not public.
-- now and old are epoch seconds.
CREATE TABLE outlet_now (unit INTEGER NOT NULL, outlet INTEGER NOT NULL,
  updated INTEGER NOT NULL, amps INTEGER, volts INTEGER, pf INTEGER, kwh INTEGER);
INSERT INTO outlet_now VALUES (210, 1, {now}, 59, 22900, 9500, 101),
  (210, 2, {now}, 106, 22900, 9500, 102), (210, 3, {now}, NULL, 22900, 9500, 103),
  (210, 4, {old}, 44, 22900, 9500, 104), (211, 1, {now}, 35, 22900, 9500, 105);
