package chaos

import (
	"math"
	"sync"
	"time"
)

// never is when an operation ended whose end nobody saw.
const never = math.MaxInt64

// span is the time of an operation as its client saw it, in nanoseconds since
// the campaign began.
type span struct{ begin, end int64 }

// verdict is what a client knows of its operation's outcome.
type verdict uint8

const (
	unknown verdict = iota // it may have taken effect, or may yet
	done                   // it took effect, and the answer says how
	absent                 // there was nothing to do it to (404)
	refused                // another version than the one it named (412)
	nothing                // it certainly had no effect and told nothing
)

// log is what all clients did to one kind of thing, by key. It is safe for
// concurrent use.
type log[T any] struct {
	mu   sync.Mutex // guards keys
	keys map[string][]T
}

func newLog[T any]() *log[T] { return &log[T]{keys: map[string][]T{}} }

func (l *log[T]) add(key string, op T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys[key] = append(l.keys[key], op)
}

// clock counts from the beginning of the campaign and never goes back.
type clock struct{ base time.Time }

func (c clock) now() int64 { return int64(time.Since(c.base)) }
