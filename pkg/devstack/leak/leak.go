// Package leak fails a package's tests when goroutines outlive them, however busy
// the machine is: what is still ending is given time to end.
package leak

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/goleak"
)

// patience is longer than anything that ends by itself takes: a net/http
// connection sleeps 500 ms when it closes.
const patience = 10 * time.Second

// Main is a TestMain: it runs the tests, then looks until nothing is left or
// patience is over, and exits.
func Main(m goleak.TestingM, options ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := find(time.Now().Add(patience), options...); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines outlived the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// find is goleak.Find, which itself looks for about half a second, until the deadline.
func find(deadline time.Time, options ...goleak.Option) error {
	for {
		err := goleak.Find(options...)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
