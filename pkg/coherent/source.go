package coherent

// Source tells where a read's answer came from.
type Source uint8

// The sources. Whatever is not a Hit was read from the database.
const (
	_             Source = iota
	Hit                  // Redis
	HitGraced            // Redis, while the database cannot say whether it still is the one that counts
	HitBounded           // Redis, of another region's cell: as old as news are late, within the bound
	Miss                 // the database, and the cell was filled
	MissUnfilled         // the database; a write overtook the fill, or it failed
	MissLeased           // the database, since another reader fills the cell
	MissJoined           // the database, read once for this reader and others
	MissForeign          // the database, since the value is another release's
	MissOversize         // the database; the value is too large to be stored
	BypassMarked         // the database, since a write is under way
	BypassRegion         // the database, since the cell is cached in another region
	BypassLag            // the database, since news are too late
	BypassToken          // the database, since the reader knows of a later version
	BypassAsked          // the database, since the reader asked for it
	BypassNoRedis        // the database, since Redis did not answer

	sources = BypassNoRedis + 1
)

func (s Source) hit() bool { return s == Hit || s == HitGraced || s == HitBounded }

// Outcome is hit, miss or bypass.
func (s Source) Outcome() string {
	switch {
	case s.hit():
		return "hit"
	case s < BypassMarked:
		return "miss"
	default:
		return "bypass"
	}
}

// Cause says why it was not a plain hit or miss, in one word.
func (s Source) Cause() string {
	switch s {
	case Hit, Miss:
		return ""
	case HitGraced:
		return "available"
	case HitBounded:
		return "bounded"
	case MissUnfilled:
		return "unfilled"
	case MissLeased:
		return "leased"
	case MissJoined:
		return "joined"
	case MissForeign:
		return "codec"
	case MissOversize:
		return "oversize"
	case BypassMarked:
		return "marked"
	case BypassRegion:
		return "region"
	case BypassLag:
		return "lag"
	case BypassToken:
		return "token"
	case BypassAsked:
		return "request"
	case BypassNoRedis, sources:
	}
	return "redis"
}

// Status is the member of the Cache-Status header (RFC 9211) for a cache of
// that name.
func (s Source) Status(cache string) string {
	status := cache + "; hit"
	if !s.hit() {
		status = cache + "; fwd=" + s.Outcome()
	}
	switch cause := s.Cause(); {
	case s == Miss:
		return status + "; stored"
	case s == MissJoined:
		return status + "; collapsed"
	case cause != "":
		return status + "; detail=" + cause
	}
	return status
}

// joined is what it is for a reader that shared the read of another.
func (s Source) joined() Source {
	if s.Outcome() == "miss" {
		return MissJoined
	}
	return s
}
