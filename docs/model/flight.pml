/* flight.pml: readers of one process who share one load of one cell.
 *
 * Many readers may miss the same cell at once. The first becomes the leader of a flight:
 * it takes the lease, reads the database and fills. Those who come while the flight is
 * open join it and share what it read. A flight is sealed before its database read is
 * sent; whoever comes later leads another one.
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

#define FLYING  1
#define LANDED  2               /* result is what the database held */
#define NOTHING 3               /* the leader found a value and read no database */
typedef Flight {
  byte state;
  byte result;
  byte aboard                   /* joiners who have not seen how it ended */
};
Flight flight[CALLERS + 1];     /* by its leader */
byte open;                      /* the flight that may be joined, 0 if there is none */

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
again:
     atomic {                   /* JOIN or lead, under a mutex */
       if
       :: open != 0 ->
         joined = open;
         flight[joined].aboard++;
         printf("JOIN      caller %d: flight of caller %d\n", me, joined);
         goto wait
       :: open == 0 && flight[me].aboard == 0 ->
         /* The record is used again once everybody has left it; a real one is new. */
         open = me;
         flight[me].state = FLYING;
         flight[me].result = 0;
         printf("LEAD      caller %d\n", me)
       fi
     }
     atomic {                   /* lease.lua */
       if
       :: HOLDS ->
         printf("LEASE     caller %d: a value\n", me);
         got = value;
         goto found
       :: value == EMPTY && tokens == 0 ->
         printf("LEASE     caller %d: granted\n", me);
         value = LEASED + me;
         mine = true
       :: else -> printf("LEASE     caller %d: marked, or another's\n", me)
       fi
     }
#if !defined(SEAL_AFTER_LOAD) && !defined(SEAL_AFTER_FILL)
     atomic { SEAL() }
#endif
     d_step { got = version; printf("LOAD      caller %d: version %d\n", me, got) }
#ifdef SEAL_AFTER_LOAD
     atomic { SEAL() }
#endif
     atomic {                   /* fill.lua */
       if
       :: mine && value == LEASED + me && tokens == 0 -> value = got; printf("FILL      caller %d: version %d\n", me, got)
       :: else
       fi
     }
     atomic {                   /* LAND: the joiners get what was read, filled or not */
#ifdef SEAL_AFTER_FILL
       SEAL();
#endif
       flight[me].state = LANDED;
       flight[me].result = got;
       ANSWER(got);
       goto end
     }
found:
     atomic {
       /* Redis may have held this value before a joiner asked, and no longer when it
        * did. It answers the leader's question only: the joiners start again. */
       SEAL();
#ifdef SHARES_HIT
       flight[me].state = LANDED;
       flight[me].result = got;
#else
       flight[me].state = NOTHING;
#endif
       ANSWER(got);
       goto end
     }
wait:
     atomic {
       flight[joined].state != FLYING ->
         flight[joined].aboard--;
         if
         :: flight[joined].state == LANDED ->
           got = flight[joined].result;
           if
           :: flight[joined].aboard == 0 -> flight[joined].result = 0
           :: else
           fi;
           ANSWER(got);
           goto end
         :: else -> joined = 0; goto again
         fi
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
