/* gen.pml: the lists of one scope (a tenant's resources, or those of one type).
 *
 * A list changes with every write in its scope, so it has no cell of its own. The scope
 * has one: a generation, which is a nonce that is never used twice. A stored page
 * carries the nonce under which it was read, and counts only while the scope still has
 * that nonce. The scope's cell is marked like any other; marking takes the nonce away.
 *
 * Property and steps are those of core.pml: versions are the scope's commits, creations
 * and deletions among them, and an answer must not be older than what was acknowledged
 * or returned before the question. One page stands for all, since pages have nothing
 * but the scope in common. */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 2
#endif

/* --- The database ------------------------------------------------------------- */

byte version = 1;

#define NONE      0
#define COMMITTED 1
#define ABORTED   2
byte outcome[WRITERS + 1];      /* the operation row of each write */

/* --- Redis -------------------------------------------------------------------- */

byte generation;                /* {scope}:v, a lease that all readers share; 0 if there is none */
byte tokens;                    /* {scope}:m, a set of writers */
byte pageNonce, pageVersion;    /* {scope}:l:…, both in one value */

byte held[READERS + 1];         /* the nonce that each reader has taken down */

#define BIT(t)    (1 << ((t) - 1))
#define MARKED(t) (tokens & BIT(t))

/* A nonce that was never used is, to all who compare nonces, one that is not in use.
 * So a few numbers do for runs without end. */
inline NEW_NONCE(n) {
#ifdef REUSED_NONCE
  n = 1                         /* a counter that starts again with its key */
#else
  n = 1;
  i = 0;
  do
  :: i > READERS -> break
  :: i <= READERS && (pageNonce == n || held[i] == n) -> n++; i = 0
  :: i <= READERS && !(pageNonce == n || held[i] == n) -> i++
  od;
  i = 0
#endif
}

/* mark.lua */
inline MARK(t) {
  d_step {
    printf("MARK      token of writer %d\n", t);
#ifndef MARK_KEEPS_NONCE
    generation = 0;
#endif
    tokens = tokens | BIT(t)
  }
}

/* unmark.lua without a body: whoever reads next makes a new nonce. */
inline UNMARK(t) {
  d_step {
    printf("UNMARK    token of writer %d\n", t);
    tokens = tokens & ~BIT(t)
  }
}

/* --- What was seen ------------------------------------------------------------ */

byte floor = 1;

inline SEEN(v) {
  if
  :: v > floor -> floor = v
  :: else
  fi
}

/* --- Writers ------------------------------------------------------------------ */

/* Any write in the scope: a creation, too, changes its lists. */
proctype Writer(byte me) {
  byte mine;

#ifndef NO_MARK
#ifndef MARK_AFTER
  MARK(me);
#endif
#endif
  atomic {                      /* STATEMENT */
    if
    :: outcome[me] == ABORTED -> printf("STATEMENT writer %d: refused, aborted\n", me); goto undone
    :: outcome[me] == NONE -> printf("STATEMENT writer %d: nothing to change, or contention\n", me); goto undone
    :: outcome[me] == NONE
    fi;
    version++;
    outcome[me] = COMMITTED;
    mine = version;
    printf("STATEMENT writer %d: version %d committed\n", me, version)
  }
#ifdef NO_MARK
  d_step { printf("DEL       generation\n"); generation = 0 }
#endif
#ifdef MARK_AFTER
  MARK(me);
#endif
  d_step { printf("ACK       writer %d: version %d\n", me, mine); SEEN(mine); mine = 0 }
undone:
#ifndef NO_MARK
  UNMARK(me);
#endif
  skip
}

/* --- Readers ------------------------------------------------------------------ */

inline ANSWER(v) {
  printf("ANSWER    reader %d: version %d, had to be %d or newer\n", me, v, least);
  assert(v >= least);
  SEEN(v);
  least = 0; got = 0; held[me] = 0
}

/* lease.lua: if the scope has no nonce, make one, unless a write is under way. The
 * reader takes down what the scope has then. */
inline GENERATE() {
  d_step {
    if
#ifdef NONCE_AFTER_LOAD
    :: generation != 0 -> held[me] = generation
#else
    :: held[me] != 0            /* MGET gave it already */
    :: held[me] == 0 && generation != 0 -> held[me] = generation
#endif
#ifdef GENERATE_WHILE_MARKED
    :: generation == 0 && held[me] == 0 ->
#else
    :: generation == 0 && held[me] == 0 && tokens == 0 ->
#endif
      NEW_NONCE(generation);
      held[me] = generation;
      printf("GENERATE  reader %d: nonce %d\n", me, generation)
    :: else -> printf("GENERATE  reader %d: none, a write is under way\n", me)
    fi
  }
}

proctype Reader(byte me) {
  byte least, got, i;

end:
  do
  :: atomic {                   /* MGET, at once after the question */
       least = floor;
       printf("MGET      reader %d: nonce %d, page of %d\n", me, generation, pageNonce);
       if
       :: generation != 0 && pageNonce == generation -> got = pageVersion; ANSWER(got); goto end
       :: else -> held[me] = generation
       fi
     }
#ifndef NONCE_AFTER_LOAD
     GENERATE();
#endif
     atomic {                   /* LOAD: one SERIALIZABLE statement */
       got = version;
       printf("LOAD      reader %d: version %d\n", me, got);
#ifndef NONCE_AFTER_LOAD
       if
       :: held[me] == 0 -> ANSWER(got); goto end
       :: else
       fi
#endif
     }
#ifdef NONCE_AFTER_LOAD
     GENERATE();
#endif
     atomic {                   /* fill.lua */
       if
#ifdef PLAIN_SET
       :: held[me] != 0 ->       /* under an old nonce it is garbage, but harmless */
#else
       :: held[me] != 0 && held[me] == generation ->
#endif
         pageNonce = held[me];
         pageVersion = got;
         printf("FILL      reader %d: version %d under nonce %d\n", me, got, held[me])
       :: else
       fi;
       ANSWER(got)
     }
  od
}

/* --- Everything that happens by itself ---------------------------------------- */

/* Expiry, eviction, and an event of the scope, which takes the nonce away. */
proctype Expiry() {
end:
  do
  :: d_step { generation != 0 -> printf("EXPIRE    generation\n"); generation = 0 }
  :: d_step { pageNonce != 0 -> printf("EXPIRE    page\n"); pageNonce = 0; pageVersion = 0 }
#ifdef MARKERS_EVICTED
  :: d_step { tokens != 0 -> printf("EVICT     markers\n"); tokens = 0 }
#endif
  od
}

/* See core.pml. */
proctype Resolver(byte w) {
end:
  do
#ifdef NO_ARBITER
  :: atomic { MARKED(w) && outcome[w] == NONE -> printf("DECIDE    writer %d: no row yet\n", w); UNMARK(w) }
#else
  :: d_step { MARKED(w) && outcome[w] == NONE -> printf("DECIDE    writer %d: aborted\n", w); outcome[w] = ABORTED }
#endif
  :: atomic { MARKED(w) && outcome[w] != NONE -> printf("RESOLVE   writer %d\n", w); UNMARK(w) }
#ifdef MARKER_EXPIRES
  :: atomic { MARKED(w) -> printf("EXPIRE    marker of writer %d\n", w); UNMARK(w) }
#endif
  od
}

init {
  byte i;
  atomic {
    run Expiry();
    for (i : 1 .. READERS) { run Reader(i) }
    for (i : 1 .. WRITERS) { run Writer(i); run Resolver(i) }
    i = 0
  }
}
