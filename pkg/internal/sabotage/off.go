//go:build !chaos

// Package sabotage is where the fault campaign takes hold of a process: points
// at which it stops or dies, and parts of the cache that can be left out. It
// exists in builds with the tag chaos; in any other all of it is constant and
// compiled away.
package sabotage

// At is a point that the process is passing with work on a cell or a subject.
func At[T ~string](string, T) {}

// Without tells whether a part is left out.
func Without(string) bool { return false }
