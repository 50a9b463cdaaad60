/* core.pml: one thing in the database, cached in one or more cells of Redis.
 *
 * Property. A read never returns a version older than any that was acknowledged, or
 * returned by any read, before it began. `floor` is that version; every answer is
 * compared with what the floor was when the question was asked. Versions are ordered
 * by commit, so this is linearizability. With CELLS=2 the floor is common to both
 * cells: it holds across them too, as between a resource and a list that contains it.
 *
 * Steps. A Redis script and a database statement are one step each, everything in
 * between may be interleaved with anybody's. A process may stop at any step for ever
 * (that is a crash) or for a while (a stall), since nothing obliges Spin to go on with
 * it. There is no clock: a deadline, a TTL or a time-out may pass at any moment, and
 * whatever is done after it may be done at any moment. Readers, resolvers, evictions
 * and events go on without end.
 *
 * Each #ifdef takes away one part of the protocol, or one assumption; the runs in
 * runs.txt expect a violation from every one of them. */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 2               /* of each cell */
#endif
#ifndef CELLS
#define CELLS 1
#endif

/* --- The database ------------------------------------------------------------- */

#define MISSING 1               /* the version of a thing that was never created */

byte version = MISSING;         /* of the newest commit */
bool exists;                    /* a deletion is a version of its own, and the last */

#define NONE      0
#define COMMITTED 1
#define ABORTED   2
byte outcome[WRITERS + 1];      /* the operation row of each write */
byte wrote[WRITERS + 1];        /* the version in it */
#ifdef CLEANED_UP
byte over;                      /* a set of writers whose statement will not arrive any more */
#endif

/* --- Redis -------------------------------------------------------------------- */

#define EMPTY  0
#define LEASED 64               /* LEASED + r: reader r may fill; below: a version */

typedef Cell {
  byte value;                   /* {cell}:v */
  byte tokens;                  /* {cell}:m, a set of writers */
  byte max                      /* {cell}:m _max */
};
Cell cell[CELLS];

#define BIT(t)       (1 << ((t) - 1))
#define MARKED(c, t) (cell[c].tokens & BIT(t))
#if CELLS > 1
#define ASKED(t)     (MARKED(0, t) || MARKED(1, t))
#else
#define ASKED(t)     MARKED(0, t)
#endif
#define HOLDS(c)     (cell[c].value != EMPTY && cell[c].value < LEASED)

/* mark.lua */
inline MARK(c, t) {
  d_step {
    printf("MARK      cell %d, token of writer %d\n", c, t);
#ifdef MARK_KEEPS_LEASE
    if
    :: HOLDS(c) -> cell[c].value = EMPTY
    :: else
    fi;
#else
    cell[c].value = EMPTY;
#endif
    cell[c].tokens = cell[c].tokens | BIT(t)
  }
}

/* unmark.lua; v is 0 if nothing was written. Only the writer itself has a body. */
inline UNMARK(c, t, v, body) {
  d_step {
    printf("UNMARK    cell %d, token of writer %d, version %d\n", c, t, v);
    if
    :: MARKED(c, t) ->
      cell[c].tokens = cell[c].tokens & ~BIT(t);
#ifdef NO_MAX
      cell[c].max = v;
#else
      if
      :: v > cell[c].max -> cell[c].max = v
      :: else
      fi;
#endif
      if
      :: cell[c].tokens != 0
      :: else ->
        if
        :: body && v == cell[c].max -> cell[c].value = v
        :: else
        fi;
        cell[c].max = 0
      fi
    :: else ->                  /* the token was resolved, or lost */
#ifdef LATE_REPLACES
      if
      :: body -> cell[c].value = v
      :: else
      fi
#else
      DROP(c, v)
#endif
    fi
  }
}

/* The other half of unmark.lua: what is older than v, or may become so, goes. */
inline DROP(c, v) {
  if
  :: v != 0 && (cell[c].value >= LEASED || cell[c].value < v) -> cell[c].value = EMPTY
  :: else
  fi
}

/* --- What was seen ------------------------------------------------------------ */

byte floor = MISSING;

inline SEEN(v) {
  if
  :: v > floor -> floor = v
  :: else
  fi
}

/* --- Writers ------------------------------------------------------------------ */

/* One attempt at a creation, an update or a deletion. A retry is another writer: it has
 * an operation id and a token of its own. A writer that lost the answer to its statement
 * asks the operation row, as a resolver does: see there. */
proctype Writer(byte me) {
#ifdef REUSED_TOKEN
  /* Writer 2 is the second attempt of writer 1, and marks with the same token. */
  byte token = 1;
  (me == 1 || outcome[1] == ABORTED);
#else
  byte token = me;
#endif
  bool deletes;

#ifndef NO_MARK
#ifndef MARK_AFTER
  MARK(0, token);
#if CELLS > 1
#ifndef MARK_ONE
  MARK(1, token);
#endif
#endif
#endif
#endif

#ifdef CLEANED_UP
  if
  :: d_step { printf("DIE       writer %d, long ago\n", me); over = over | BIT(me) }; goto done
  :: skip
  fi;
#endif

  /* STATEMENT: the change and its operation row, or neither. */
  atomic {
#ifdef CLEANED_UP
    over = over | BIT(me);
#endif
    if
    :: outcome[me] == ABORTED -> printf("STATEMENT writer %d: refused, aborted\n", me); goto undone
    :: outcome[me] == NONE -> printf("STATEMENT writer %d: no such row, or contention\n", me); goto undone
    :: outcome[me] == NONE && exists -> deletes = true
    :: outcome[me] == NONE && exists -> deletes = false
#ifndef UNMARKED_CREATION
    :: outcome[me] == NONE && version == MISSING -> deletes = false
#endif
    fi;
    version++;
    exists = !deletes;
    outcome[me] = COMMITTED;
    wrote[me] = version;
    printf("STATEMENT writer %d: version %d committed\n", me, version)
  }

#ifdef NO_MARK
  d_step { printf("DEL       cell 0\n"); cell[0].value = EMPTY }
#endif
#ifdef MARK_AFTER
  MARK(0, token);
#endif
#ifdef MARK_ONE
  MARK(1, token);
#endif

  /* ACK: the client has its answer. */
  d_step { printf("ACK       writer %d: version %d\n", me, wrote[me]); SEEN(wrote[me]) }

  /* UNMARK, behind the answer; each cell's may be lost. */
#ifndef NO_MARK
#ifdef DELETION_UNVERSIONED
#define REPORTED (deletes -> 0 : wrote[me])
#else
#define REPORTED wrote[me]
#endif
#if CELLS > 1
  if
  :: UNMARK(1, token, REPORTED, !deletes)
  :: skip
  fi;
#endif
  UNMARK(0, token, REPORTED, !deletes);
#endif
  goto done;

undone:
#ifndef NO_MARK
#if CELLS > 1
  UNMARK(1, token, 0, false);
#endif
  UNMARK(0, token, 0, false);
#endif
done:
  skip
}

#ifdef UNMARKED_CREATION
/* The id is new, so no cell can hold an older version unless absence is cached. */
proctype Creator() {
  atomic {
    version == MISSING ->
      version++;
      exists = true;
      printf("CREATE    version %d committed and acknowledged\n", version);
      SEEN(version)
  }
}
#endif

/* --- Readers ------------------------------------------------------------------ */

inline ANSWER(v) {
  printf("ANSWER    reader %d: version %d, had to be %d or newer\n", me, v, least);
  assert(v >= least);
  SEEN(v);
  least = 0; got = 0; mine = false; there = false
}

proctype Reader(byte me; byte c) {
  byte least, got;
  bool mine, there;

end:
  do
  :: atomic {                   /* GET, at once after the question */
       least = floor;
       printf("GET       cell %d, reader %d\n", c, me);
       if
       :: HOLDS(c) -> got = cell[c].value; ANSWER(got); goto end
       :: else
       fi
     }
#ifdef READ_BEFORE_LEASE
     atomic { got = version; there = exists }
#endif
     atomic {                   /* lease.lua */
       if
       :: HOLDS(c) -> printf("LEASE     cell %d, reader %d: a value\n", c, me); got = cell[c].value; ANSWER(got); goto end
       :: cell[c].value == EMPTY && cell[c].tokens == 0 ->
         cell[c].value = LEASED + me;
         mine = true;
         printf("LEASE     cell %d, reader %d: granted\n", c, me)
       :: else -> printf("LEASE     cell %d, reader %d: marked, or another's\n", c, me)
       fi
     }
     atomic {                   /* LOAD: one SERIALIZABLE statement */
#ifndef READ_BEFORE_LEASE
       got = version;
       there = exists;
#endif
       printf("LOAD      reader %d: version %d\n", me, got);
       if
       :: !mine -> ANSWER(got); goto end
#ifndef CACHES_MISSING
       :: mine && !there -> ANSWER(got); goto end       /* its lease runs out */
#endif
       :: else
       fi
     }
     atomic {                   /* fill.lua */
       if
#ifdef NO_LEASE
       :: cell[c].tokens == 0 -> cell[c].value = got; printf("FILL      cell %d, reader %d: version %d\n", c, me, got)
#else
       :: cell[c].value == LEASED + me && cell[c].tokens == 0 ->
         cell[c].value = got;
         printf("FILL      cell %d, reader %d: version %d\n", c, me, got)
#endif
       :: else -> printf("FILL      cell %d, reader %d: refused\n", c, me)
       fi;
       ANSWER(got)
     }
  od
}

/* --- Everything that happens by itself ---------------------------------------- */

/* A value or a lease expires or is evicted. */
proctype Expiry(byte c) {
end:
  do
  :: d_step { cell[c].value != EMPTY -> printf("EXPIRE    cell %d\n", c); cell[c].value = EMPTY }
#ifdef MARKERS_EVICTED
  :: d_step { cell[c].tokens != 0 -> printf("EVICT     markers of cell %d\n", c); cell[c].tokens = 0; cell[c].max = 0 }
#endif
  od
}

/* What becomes of one writer's marker in one cell without that writer: a reader or
 * the janitor resolves it, and the operation's event, or a repeated UNMARK, arrives.
 * Both halves of resolving are here, each at any time and any number of times, so that
 * a resolver may die or stall between them and several may be at work. */
proctype Resolver(byte c; byte w) {
end:
  do
#ifdef NO_ARBITER
    /* The row is looked at only: no row, no write. */
  :: atomic { MARKED(c, w) && outcome[w] == NONE -> printf("DECIDE    writer %d: no row yet\n", w); UNMARK(c, w, 0, false) }
#else
    /* DECIDE: inserts the operation row as aborted, unless it is there. */
  :: d_step { MARKED(c, w) && outcome[w] == NONE -> printf("DECIDE    writer %d: aborted\n", w); outcome[w] = ABORTED }
#endif
    /* RESOLVE: what the row says is final. */
  :: atomic { MARKED(c, w) && outcome[w] == COMMITTED -> printf("RESOLVE   writer %d\n", w); UNMARK(c, w, wrote[w], false) }
  :: atomic { MARKED(c, w) && outcome[w] == ABORTED -> printf("RESOLVE   writer %d\n", w); UNMARK(c, w, 0, false) }
    /* EVENT: an UNMARK with a token that nobody has. */
  :: d_step { outcome[w] == COMMITTED -> printf("EVENT     cell %d, version %d\n", c, wrote[w]); DROP(c, wrote[w]) }
#ifdef MARKER_EXPIRES
  :: atomic { MARKED(c, w) -> printf("EXPIRE    marker of writer %d\n", w); UNMARK(c, w, 0, false) }
#endif
#ifdef ROW_FORGOTTEN
  :: d_step { outcome[w] == ABORTED -> printf("CLEAN UP  operation row of writer %d\n", w); outcome[w] = NONE }
#endif
#ifdef COMMIT_FORGOTTEN
  :: d_step { outcome[w] == COMMITTED -> printf("CLEAN UP  operation row of writer %d\n", w); outcome[w] = NONE }
#endif
#ifdef CLEANED_UP
    /* CLEAN UP: nobody may ask about the row any more, and nothing arrive for it. */
  :: d_step { outcome[w] != NONE && (over & BIT(w)) && !ASKED(w) -> printf("CLEAN UP  operation row of writer %d\n", w); outcome[w] = NONE }
#endif
  od
}

#ifdef CONSOLE
/* Somebody writes past the cache. */
proctype Console() {
  atomic { exists -> version++; printf("CONSOLE   version %d committed and acknowledged\n", version); SEEN(version) }
}
#endif

#ifdef FRESH
/* Readers who ask for the database (no-cache) see every version at once. */
proctype Fresh() {
end:
  do
  :: d_step { floor < version -> printf("FRESH     version %d\n", version); floor = version }
  od
}
#endif

init {
  byte i, c;
  atomic {
    if
    :: version = MISSING
    :: version = MISSING + 1; exists = true; floor = version
    fi;
#ifdef UNMARKED_CREATION
    run Creator();
#endif
    for (i : 1 .. WRITERS) { run Writer(i) }
    for (c : 0 .. CELLS - 1) {
      run Expiry(c);
      for (i : 1 .. READERS) { run Reader(i, c) }
      for (i : 1 .. WRITERS) { run Resolver(c, i) }
    }
#ifdef CONSOLE
    run Console();
#endif
#ifdef FRESH
    run Fresh();
#endif
    i = 0; c = 0
  }
}
