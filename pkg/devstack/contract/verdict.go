package contract

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Partial says that a test could not show here what it is to show, so that what
// this run did not see is not held against the document.
func (c *Contract) Partial() { c.partial.Store(true) }

// Verdict is the end of a TestMain: the tests' exit code, or 1 if they all ran
// and passed without seeing everything that the document says.
func (c *Contract) Verdict(code int) int {
	if code != 0 || c.partial.Load() || !everything() {
		return code
	}
	for _, fact := range c.Unseen() {
		fmt.Fprintln(os.Stderr, "in the document, and never served:", fact)
		code = 1
	}
	return code
}

// everything tells a run that leaves no test out.
func everything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz", "test.bench"} {
		if flag.Lookup(name).Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}
