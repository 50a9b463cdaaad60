package proc

import (
	"context"
	"time"
)

const watchEvery = 200 * time.Millisecond

// Event is a process that ended, or runs again.
type Event struct {
	Name    string
	PID     int
	Running bool
	How     string // how it ended
}

// Watch reports, until ctx ends, every process of the list that ends or is
// started again, whoever started it.
func (t *Table) Watch(ctx context.Context, report func(Event)) {
	seen := map[string]sighting{}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		t.look(seen, report)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sighting is the state that was last reported of a name.
type sighting struct {
	process record
	alive   bool
}

func (t *Table) look(seen map[string]sighting, report func(Event)) {
	s, err := t.reg.read()
	if err != nil {
		return // it is replaced whole, so it is gone: the stack has ended
	}
	t.collect()
	t.collectOrphans()
	for _, now := range s.Procs {
		last, known := seen[now.Name]
		alive := now.alive()
		if !known {
			last = sighting{process: now, alive: !alive} // the first look reports either way
		}
		another := last.process != now
		switch {
		case last.alive && (another || !alive):
			report(Event{Name: now.Name, PID: last.process.PID, How: t.how(now.Name)})
		case another && !alive: // it came and went between two looks
			report(Event{Name: now.Name, PID: now.PID, How: t.how(now.Name)})
		}
		if alive && (another || !last.alive) {
			report(Event{Name: now.Name, PID: now.PID, Running: true})
		}
		seen[now.Name] = sighting{now, alive}
	}
}

func (t *Table) how(name string) string {
	t.collect() // it may have ended after the last time
	t.mu.Lock()
	defer t.mu.Unlock()
	if how, ok := t.ended[name]; ok {
		delete(t.ended, name) // the next one of that name may be somebody else's child
		return how
	}
	return "its exit status is known to whoever started it"
}

// collectOrphans takes exit statuses so that no zombie outlives the supervisor:
// in a container there may be no init that does.
func (t *Table) collectOrphans() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.adopts {
		return // a dead child may be one that some other package waits for
	}
	mine := map[int]bool{t.reaper.Process.Pid: true}
	for _, pid := range t.children {
		mine[pid] = true
	}
	for _, pid := range deadChildren() {
		if !mine[pid] {
			forgetChild(pid)
		}
	}
}
