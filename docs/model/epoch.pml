/* epoch.pml: Redis fails over, is split in two, or comes back from an old dump.
 *
 * Each incarnation of Redis is an epoch. A row of the database says which one counts,
 * and whether it is open; its number is part of every key. Every process leases that
 * row: until the lease ends it relies on what it read. Connections lead to the server
 * they were made for or nowhere, so an epoch's keys are on its own server only. The old
 * primary may live on and answer; the new server holds an old copy of the old keys.
 *
 * Property and steps are those of core.pml. Here a lease may end at any moment, with
 * one exception, which stands for the clock: whoever opens an epoch waits until every
 * lease on the one before has ended. The database's own clocks are not in the model. */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 2               /* each in a process of its own */
#endif
#ifndef EPOCHS
#define EPOCHS 2
#endif

/* --- The database ------------------------------------------------------------- */

byte version = 1;

#define NONE      0
#define COMMITTED 1
#define ABORTED   2
byte outcome[WRITERS + 1];
byte wrote[WRITERS + 1];

byte epoch = 0;                 /* redis_epoch.epoch */
byte opened = 0;                /* redis_epoch.ready is epoch == opened */

/* --- Redis -------------------------------------------------------------------- */

#define EMPTY  0
#define LEASED 64
typedef Cell {
  byte value;
  byte tokens;
  byte max
};
Cell cell[EPOCHS + 1];          /* by epoch; the last is the new server's copy of epoch 0's */

#define COPY EPOCHS
bool failed = false;            /* the address leads to the new server */

/* Where a command of epoch e goes. */
#if defined(NO_EPOCH) || defined(NO_BINDING)
#define AT(e) (failed && e == 0 -> COPY : e)
#elif defined(KEYS_WITHOUT_EPOCH)
#define AT(e) (e == 0 -> 0 : COPY)
#else
#define AT(e) e
#endif

#define BIT(t)       (1 << ((t) - 1))
#define MARKED(c, t) (cell[c].tokens & BIT(t))
#define HOLDS(c)     (cell[c].value != EMPTY && cell[c].value < LEASED)

/* --- What was seen ------------------------------------------------------------ */

byte floor = 1;

inline SEEN(v) {
  if
  :: v > floor -> floor = v
  :: else
  fi
}

/* --- Writers ------------------------------------------------------------------ */

/* unmark.lua */
inline UNMARK(c, t, v) {
  d_step {
    printf("UNMARK    cell %d, token of writer %d, version %d\n", c, t, v);
    if
    :: MARKED(c, t) ->
      cell[c].tokens = cell[c].tokens & ~BIT(t);
      if
      :: v > cell[c].max -> cell[c].max = v
      :: else
      fi;
      if
      :: cell[c].tokens == 0 && v != 0 && v == cell[c].max -> cell[c].value = v; cell[c].max = 0
      :: cell[c].tokens == 0 && !(v != 0 && v == cell[c].max) -> cell[c].max = 0
      :: else
      fi
    :: else ->
      if
      :: v != 0 && (cell[c].value >= LEASED || cell[c].value < v) -> cell[c].value = EMPTY
      :: else
      fi
    fi
  }
}

proctype Writer(byte me) {
  byte mine, c;

  /* CURRENT: the lease a writer has may be on any epoch that was ever open, since it
   * may have stalled; its statement will tell. */
  if
  :: mine = 0
#ifndef NO_EPOCH
#ifdef UNREADY
  :: epoch > 0 -> mine = epoch
#else
  :: opened > 0 -> mine = opened
#endif
#endif
  fi;
  d_step {
    c = AT(mine);
    printf("MARK      cell %d, token of writer %d in epoch %d\n", c, me, mine);
    cell[c].value = EMPTY;
    cell[c].tokens = cell[c].tokens | BIT(me)
  }
#ifdef READ_COMMITTED
  /* The statement sees the epoch, and takes effect later all the same. */
  (epoch == mine);
  printf("STATEMENT writer %d: sees epoch %d\n", me, mine);
#endif
  atomic {                      /* STATEMENT */
    if
    :: outcome[me] == ABORTED -> printf("STATEMENT writer %d: refused, aborted\n", me); goto undone
#if !defined(NO_COMPARISON) && !defined(READ_COMMITTED)
    :: outcome[me] == NONE && epoch != mine -> printf("STATEMENT writer %d: refused, epoch\n", me); goto undone
    :: outcome[me] == NONE && epoch == mine
#else
    :: outcome[me] == NONE
#endif
    fi;
    version++;
    outcome[me] = COMMITTED;
    wrote[me] = version;
    printf("STATEMENT writer %d: version %d committed\n", me, version)
  }
  d_step { printf("ACK       writer %d: version %d\n", me, wrote[me]); SEEN(wrote[me]) }
undone:
  atomic { c = AT(mine); UNMARK(c, me, wrote[me]) }
}

/* --- The lease ---------------------------------------------------------------- */

#define NO_LEASE 255
byte lease[READERS + 1];        /* the epoch that a process holds, or NO_LEASE */
byte asked[READERS + 1];        /* the epoch in an answer under way, or NO_LEASE */

/* Of the package epoch, the part that renews. */
proctype Keeper(byte me) {
end:
  do
    /* The lease counts from before ASK, so it may end before the answer is there. */
  :: d_step { epoch == opened && asked[me] == NO_LEASE -> printf("ASK       reader %d: epoch %d\n", me, epoch); asked[me] = epoch }
  :: d_step { asked[me] != NO_LEASE -> printf("HOLD      reader %d: epoch %d\n", me, asked[me]); lease[me] = asked[me]; asked[me] = NO_LEASE }
  :: d_step { lease[me] != NO_LEASE -> printf("LAPSE     reader %d\n", me); lease[me] = NO_LEASE }
  od
}

#if READERS == 1
#define ALL_LAPSED lease[1] == NO_LEASE
#elif READERS == 2
#define ALL_LAPSED lease[1] == NO_LEASE && lease[2] == NO_LEASE
#else
#define ALL_LAPSED lease[1] == NO_LEASE && lease[2] == NO_LEASE && lease[3] == NO_LEASE
#endif

/* A keeper that sees another identity. */
proctype Failover() {
  byte i;

#if defined(NO_EPOCH) || defined(NO_BINDING) || defined(KEYS_WITHOUT_EPOCH)
  /* Replication lags: the copy is of any moment before the failover. */
  do
  :: atomic { cell[COPY].value = cell[0].value; cell[COPY].tokens = cell[0].tokens; cell[COPY].max = cell[0].max; printf("REPLICATE\n") }
  :: break
  od;
  atomic { failed = true; printf("FAIL OVER\n") };
#endif
#ifndef NO_EPOCH
  do
  :: epoch == EPOCHS - 1 -> break
  :: epoch < EPOCHS - 1 ->
    d_step { epoch++; printf("ADVANCE   epoch %d\n", epoch) }
    d_step {                    /* OPEN, after one lease */
#ifndef NO_WAIT
      ALL_LAPSED;
#endif
#ifndef LEASE_FROM_ANSWER
      i = 1;
      do
      :: i > READERS -> break
      :: i <= READERS -> asked[i] = NO_LEASE; i++
      od;
      i = 0;
#endif
      opened = epoch;
      printf("OPEN      epoch %d\n", epoch)
    }
  od
#endif
}

/* --- Readers ------------------------------------------------------------------ */

inline ANSWER(v) {
  printf("ANSWER    reader %d: version %d, had to be %d or newer\n", me, v, least);
  assert(v >= least);
  SEEN(v);
  least = 0; got = 0; mine = 0; granted = false
}

/* Before a reply, and after it. */
#if defined(HELD_BEFORE)
#define HELD true
#elif defined(HELD_ANY)
#define HELD (lease[me] != NO_LEASE)
#else
#define HELD (lease[me] == mine)
#endif

proctype Reader(byte me) {
  byte least, got, mine, c;
  bool granted;

end:
  do
  :: atomic {                   /* CURRENT, at once after the question */
       least = floor;
       if
       :: lease[me] != NO_LEASE -> mine = lease[me]; printf("CURRENT   reader %d: epoch %d\n", me, mine)
       :: else -> goto load
       fi
     }
     d_step {                   /* GET */
       c = AT(mine);
       printf("GET       cell %d, reader %d\n", c, me);
       if
       :: HOLDS(c) -> got = cell[c].value
       :: else
       fi;
       c = 0
     }
     atomic {                   /* HELD */
       if
       :: !HELD -> got = 0; goto load
       :: HELD && got != 0 -> ANSWER(got); goto end
       :: HELD && got == 0
       fi
     }
     d_step {                   /* lease.lua */
       c = AT(mine);
       if
       :: HOLDS(c) -> got = cell[c].value; printf("LEASE     cell %d, reader %d: a value\n", c, me)
       :: cell[c].value == EMPTY && cell[c].tokens == 0 ->
         cell[c].value = LEASED + me;
         granted = true;
         printf("LEASE     cell %d, reader %d: granted\n", c, me)
       :: else -> printf("LEASE     cell %d, reader %d: marked, or another's\n", c, me)
       fi;
       c = 0
     }
     atomic {                   /* HELD */
       if
       :: got != 0 && HELD -> ANSWER(got); goto end
       :: else -> got = 0
       fi
     }
load:
     atomic {                   /* LOAD, also without Redis or a lease on the epoch */
       got = version;
       printf("LOAD      reader %d: version %d\n", me, got);
       if
       :: !granted -> ANSWER(got); goto end
       :: else
       fi
     }
     atomic {                   /* fill.lua, whether the lease on the epoch still holds or not */
       c = AT(mine);
       if
       :: cell[c].value == LEASED + me && cell[c].tokens == 0 ->
         cell[c].value = got;
         printf("FILL      cell %d, reader %d: version %d\n", c, me, got)
       :: else -> printf("FILL      cell %d, reader %d: refused\n", c, me)
       fi;
       c = 0;
       ANSWER(got)
     }
  od
}

/* --- Everything that happens by itself ---------------------------------------- */

#ifdef DEMOTED_STAYS
#define OVER(c) (c < epoch)     /* its connections stay, with leases on it still held */
#else
#define OVER(c) (c < opened)
#endif

proctype Expiry(byte c) {
end:
  do
  :: d_step { cell[c].value != EMPTY -> printf("EXPIRE    cell %d\n", c); cell[c].value = EMPTY }
    /* An epoch that is over: the janitor deletes its markers, and its server may have
     * been demoted and hold the new one's copy of its keys, or be restored from a dump. */
  :: d_step { OVER(c) -> printf("DECAY     cell %d\n", c); cell[c].tokens = 0; cell[c].max = 0; cell[c].value = 1 }
  od
}

proctype Resolver(byte c; byte w) {
end:
  do
  :: d_step { MARKED(c, w) && outcome[w] == NONE -> printf("DECIDE    writer %d: aborted\n", w); outcome[w] = ABORTED }
  :: atomic { MARKED(c, w) && outcome[w] != NONE -> printf("RESOLVE   writer %d\n", w); UNMARK(c, w, wrote[w]) }
  od
}

init {
  byte i, c;
  atomic {
    for (i : 1 .. READERS) { asked[i] = NO_LEASE; lease[i] = 0 }
    for (i : 1 .. READERS) {
      run Reader(i);
#ifndef NO_EPOCH
      run Keeper(i)
#endif
    }
    for (i : 1 .. WRITERS) { run Writer(i) }
    for (c : 0 .. EPOCHS - 1) {
      run Expiry(c);
      for (i : 1 .. WRITERS) { run Resolver(c, i) }
    }
    run Failover();
    i = 0; c = 0
  }
}
