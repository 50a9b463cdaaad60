package leak

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestFindWaitsForWhatIsEnding(t *testing.T) {
	before := goleak.IgnoreCurrent()
	slow, stuck := make(chan struct{}), make(chan struct{})
	timer := time.AfterFunc(1500*time.Millisecond, func() { close(slow) })
	defer timer.Stop()
	go func() { <-slow }()
	if err := find(time.Now().Add(patience), before); err != nil {
		t.Errorf("a goroutine that was ending counts as a leak: %v", err)
	}
	go func() { <-stuck }()
	if err := find(time.Now(), before); err == nil {
		t.Error("a goroutine that stays was not found")
	}
	close(stuck)
}
