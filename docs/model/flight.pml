/* flight.pml: readers of one process who share one way to Redis and the database.
 *
 * Many readers may miss the same cell at once. The first becomes the leader of a flight:
 * it asks Redis for the lease, reads the database and fills. Those who come while the
 * flight takes readers join it and share what it brings back, be it from the database
 * or a value that somebody else has put into Redis meanwhile. A flight is sealed before
 * it sends its first message; whoever comes later leads another one.
 *
 * Property and steps are those of core.pml, of which only what a flight needs is here:
 * writers are in other processes, and one that stops is not resolved. */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef CALLERS
#define CALLERS 2
#endif

byte version = 1;               /* in the database */

#define EMPTY  0
#define LEASED 64
byte value;                     /* Redis: a version, or LEASED + the leader */
byte tokens;                    /* a set of writers */
byte max;

#define BIT(t) (1 << ((t) - 1))
#define HOLDS  (value != EMPTY && value < LEASED)

byte floor = 1;

inline SEEN(v) {
  if
  :: v > floor -> floor = v
  :: else
  fi
}

/* --- Writers: see core.pml ---------------------------------------------------- */

proctype Writer(byte me) {
  byte mine;

  d_step { printf("MARK      token of writer %d\n", me); value = EMPTY; tokens = tokens | BIT(me) }
  d_step { version++; mine = version; printf("STATEMENT writer %d: version %d committed\n", me, mine) }
  d_step { printf("ACK       writer %d: version %d\n", me, mine); SEEN(mine) }
  d_step {
    printf("UNMARK    token of writer %d, version %d\n", me, mine);
    tokens = tokens & ~BIT(me);
    if
    :: mine > max -> max = mine
    :: else
    fi;
    if
    :: tokens == 0 && mine == max -> value = mine; max = 0
    :: tokens == 0 && mine != max -> max = 0
    :: else
    fi
  }
}

/* --- The process -------------------------------------------------------------- */

typedef Flight {
  bool landed;
  byte result;
  byte aboard                   /* joiners who have not seen it land */
};
Flight flight[CALLERS + 1];     /* by its leader */
byte open;                      /* the flight that takes readers, 0 if there is none */

inline ANSWER(v) {
  printf("ANSWER    caller %d: version %d, had to be %d or newer\n", me, v, least);
  assert(v >= least);
  SEEN(v);
  least = 0; got = 0; mine = false; joined = 0
}

inline SEAL() {
  assert(open == me);
  open = 0;
  printf("SEAL      flight of caller %d\n", me)
}

proctype Caller(byte me) {
  byte least, got, joined;
  bool mine;

end:
  do
  :: atomic {                   /* GET, at once after the question: everybody's own */
       least = floor;
       printf("GET       caller %d\n", me);
       if
       :: HOLDS -> got = value; ANSWER(got); goto end
       :: else
       fi
     }
     atomic {                   /* BOARD, under a mutex */
       if
       :: open != 0 ->
         joined = open;
         flight[joined].aboard++;
         printf("JOIN      caller %d: flight of caller %d\n", me, joined);
         goto wait
       :: open == 0 && flight[me].aboard == 0 ->
         /* The record is used again once everybody has left it; a real one is new. */
         open = me;
         flight[me].landed = false;
         flight[me].result = 0;
         printf("LEAD      caller %d\n", me)
       fi
     }
#if !defined(SEAL_AFTER_LEASE) && !defined(SEAL_AFTER_LOAD) && !defined(SEAL_AFTER_FILL)
     d_step { SEAL() }
#endif
     atomic {                   /* lease.lua; a second GET before it would be no different */
       if
       :: HOLDS ->
         printf("LEASE     caller %d: a value\n", me);
         got = value;
         goto land
       :: value == EMPTY && tokens == 0 ->
         printf("LEASE     caller %d: granted\n", me);
         value = LEASED + me;
         mine = true
       :: else -> printf("LEASE     caller %d: marked, or another's\n", me)
       fi
     }
#ifdef SEAL_AFTER_LEASE
     d_step { SEAL() }
#endif
     d_step { got = version; printf("LOAD      caller %d: version %d\n", me, got) }
#ifdef SEAL_AFTER_LOAD
     d_step { SEAL() }
#endif
     atomic {                   /* fill.lua */
       if
       :: mine && value == LEASED + me && tokens == 0 -> value = got; printf("FILL      caller %d: version %d\n", me, got)
       :: else
       fi
     }
land:
     atomic {                   /* LAND: the joiners get what was read, filled or not */
#if defined(SEAL_AFTER_LEASE) || defined(SEAL_AFTER_LOAD) || defined(SEAL_AFTER_FILL)
       if
       :: open == me -> SEAL()
       :: else
       fi;
#endif
       flight[me].landed = true;
       flight[me].result = got;
       ANSWER(got);
       goto end
     }
wait:
     atomic {
       flight[joined].landed ->
         flight[joined].aboard--;
         got = flight[joined].result;
         ANSWER(got)
     }
  od
}

proctype Expiry() {
end:
  do
  :: d_step { value != EMPTY -> printf("EXPIRE\n"); value = EMPTY }
  od
}

init {
  byte i;
  atomic {
    run Expiry();
    for (i : 1 .. WRITERS) { run Writer(i) }
    for (i : 1 .. CALLERS) { run Caller(i) }
    i = 0
  }
}
