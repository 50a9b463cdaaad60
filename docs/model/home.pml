/* home.pml: two regions, each with a Redis of its own, on one database.
 *
 * A tenant is at home in the region of its first write: there its lists are cached, and
 * there every writer marks, wherever it is. Whoever reads elsewhere reads the database.
 * Before there is a home nothing is stored.
 *
 * Property and steps are those of core.pml. There is one list, empty at first; its
 * version counts what was created. Writers that stop are not resolved: their marker
 * stays. */

#define REGIONS 2
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 2
#endif
#define REGION(me) (1 + (me) % REGIONS)   /* of a process */

/* --- The database ------------------------------------------------------------- */

byte version = 0;
byte home = 0;                  /* tenant_homes; 0 is no row */

/* --- Redis -------------------------------------------------------------------- */

#define EMPTY  0
#define LEASED 64
#define PAGE(v) ((v) + 1)       /* also of version 0, which is empty */
typedef Cell {
  byte page;
  byte tokens
};
Cell redis[REGIONS + 1];

#define BIT(t)   (1 << ((t) - 1))
#define HOLDS(r) (redis[r].page != EMPTY && redis[r].page < LEASED)

byte floor = 0;

inline SEEN(v) {
  if
  :: v > floor -> floor = v
  :: else
  fi
}

/* --- Writers ------------------------------------------------------------------ */

proctype Writer(byte me) {
  byte at, wrote;

  d_step { at = home; printf("HOME      writer %d: region %d\n", me, at) }
#ifndef CLAIM_AFTER
  if
  :: at == 0 ->
    d_step {
      if
      :: home == 0 -> home = REGION(me); printf("CLAIM     writer %d: region %d\n", me, home)
      :: else -> printf("CLAIM     writer %d: too late\n", me)
      fi
    }
    d_step { at = home; printf("HOME      writer %d: region %d\n", me, at) }
  :: else
  fi;
#endif
#ifdef MARK_OWN
  at = REGION(me);
#endif
#ifdef CLAIM_AFTER
  if
  :: at == 0 -> at = REGION(me)
  :: else
  fi;
#endif
  d_step {
    printf("MARK      writer %d: region %d\n", me, at);
    redis[at].page = EMPTY;
    redis[at].tokens = redis[at].tokens | BIT(me)
  }
  d_step {
    version++;
    wrote = version;
    printf("STATEMENT writer %d: version %d\n", me, wrote)
  }
#ifdef CLAIM_AFTER
  d_step {
    if
    :: home == 0 -> home = at; printf("CLAIM     writer %d: region %d\n", me, home)
    :: else
    fi
  }
#endif
  d_step { printf("ACK       writer %d: version %d\n", me, wrote); SEEN(wrote) }
  d_step {
    printf("UNMARK    writer %d: region %d\n", me, at);
    redis[at].tokens = redis[at].tokens & ~BIT(me)
  }
}

/* --- Readers ------------------------------------------------------------------ */

inline ANSWER(v) {
  printf("ANSWER    reader %d in region %d: version %d, had to be %d or newer\n", me, REGION(me), v, least);
  assert(v >= least);
  SEEN(v);
  least = 0; got = 0; where = 0; granted = false
}

#if defined(FILL_ANYWHERE)
#define STORES true
#elif defined(FILL_HOMELESS)
#define STORES (where == REGION(me) || where == 0)
#else
#define STORES (where == REGION(me))
#endif

proctype Reader(byte me) {
  byte least, got, where;
  bool granted;

end:
  do
  :: atomic {                   /* GET */
       least = floor;
       printf("GET       reader %d in region %d\n", me, REGION(me));
       if
       :: HOLDS(REGION(me)) -> got = redis[REGION(me)].page - 1; ANSWER(got); goto end
       :: else
       fi
     }
     d_step {                   /* lease.lua */
       if
       :: redis[REGION(me)].page == EMPTY && redis[REGION(me)].tokens == 0 ->
         redis[REGION(me)].page = LEASED + me;
         granted = true;
         printf("LEASE     reader %d: granted\n", me)
       :: else -> printf("LEASE     reader %d: marked, or another's\n", me)
       fi
     }
     d_step { got = version; printf("LOAD      reader %d: version %d\n", me, got) }
     /* The home comes with a row; with an empty page it is a question of its own. */
     d_step { where = home; printf("HOME      reader %d: region %d\n", me, where) }
     atomic {                   /* fill.lua */
       if
       :: granted && redis[REGION(me)].page == LEASED + me && redis[REGION(me)].tokens == 0 && STORES ->
         redis[REGION(me)].page = PAGE(got);
         printf("FILL      reader %d: version %d in region %d\n", me, got, REGION(me))
       :: else
       fi;
       ANSWER(got)
     }
  od
}

proctype Expiry(byte r) {
end:
  do
  :: d_step { redis[r].page != EMPTY -> printf("EXPIRE    region %d\n", r); redis[r].page = EMPTY }
  od
}

init {
  byte i;
  atomic {
    for (i : 1 .. WRITERS) { run Writer(i) }
    for (i : 1 .. READERS) { run Reader(i) }
    for (i : 1 .. REGIONS) { run Expiry(i) }
    i = 0
  }
}
