/* enter.pml: a session ends while another region enters.
 *
 * An end commits its tombstone and deletes the session in every region's Redis. Which
 * regions there are it takes from its lease on the rows of all, which may not know a
 * region that has just come. The Redis of the new region may hold the session, from an
 * old dump. It opens after the leases have ended that do not know it, and after it has
 * done what the tombstones say.
 *
 * Here a lease may end at any moment, with the exception of epoch.pml: whoever opens
 * waits for it. */

/* --- The database ------------------------------------------------------------- */

bool buried = false;            /* the tombstone */
bool entered = false;           /* there is a row of region 2, */
bool opened = false;            /* and it is ready */

/* --- Redis -------------------------------------------------------------------- */

bool live[3] = true;            /* by region */

/* --- What was seen ------------------------------------------------------------ */

bool acknowledged = false;

/* --- The lease of region 1's process ------------------------------------------ */

#define NO_LEASE 0
#define ONE      1              /* it knows of one region */
#define BOTH     2
byte lease = ONE;
byte asked = NO_LEASE;          /* an answer under way */

proctype Keeper() {
end:
  do
  :: d_step { asked == NO_LEASE -> asked = (entered -> BOTH : ONE); printf("ASK       %d regions\n", asked) }
  :: d_step { asked != NO_LEASE -> printf("HOLD      %d regions\n", asked); lease = asked; asked = NO_LEASE }
  :: d_step { lease != NO_LEASE -> printf("LAPSE\n"); lease = NO_LEASE }
  od
}

/* --- An end, in region 1 ------------------------------------------------------ */

proctype End() {
  byte regions;

#ifndef BURY_AFTER
  d_step { buried = true; printf("BURY\n") }
#endif
#ifdef UNLEASED
  regions = ONE;                /* what the configuration says */
#else
  d_step { lease != NO_LEASE -> regions = lease; printf("EVERYWHERE %d regions\n", regions) }
#endif
  d_step { live[1] = false; printf("DELETE    region 1\n") }
  if
  :: regions == BOTH && opened -> d_step { live[2] = false; printf("DELETE    region 2\n") }
#ifdef UNREADY_SKIPPED
  :: regions == BOTH && !opened
#else
  :: regions == BOTH && !opened -> printf("REFUSED\n"); goto refused
#endif
  :: regions == ONE
  fi;
#ifdef BURY_AFTER
  d_step { buried = true; printf("BURY\n") }
#endif
  d_step { acknowledged = true; printf("ACK\n") }
refused:
}

/* --- The other region ---------------------------------------------------------- */

proctype Enter() {
  bool found;

  d_step { entered = true; printf("ENTER\n") }
#ifndef NO_WAIT
  d_step { lease != ONE -> printf("WAITED\n"); if :: asked == ONE -> asked = NO_LEASE :: else fi }
#endif
#ifndef NO_REPLAY
  d_step { found = buried; printf("REPLAY    %d tombstones\n", found) }
  if
  :: found -> live[2] = false
  :: else
  fi;
#endif
  d_step { opened = true; printf("OPEN\n") }
}

/* Somebody who shows the token there. */
proctype Guard() {
  bool over;

end:
  do
  :: d_step { opened -> over = acknowledged }
     d_step { printf("CHECK     live %d, over %d\n", live[2], over); assert(!(live[2] && over)) }
  od
}

init {
  atomic { run Keeper(); run End(); run Enter(); run Guard() }
}
