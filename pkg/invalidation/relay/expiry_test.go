package relay

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/devstack"
)

// keyed adds a row of some age that has a request's key, whose first byte is given.
func (p *plant) keyed(first byte, age time.Duration) uuid.UUID {
	p.t.Helper()
	id := p.insert(uuid.NewString(), 1, time.Now().Add(-age), "committed", "")
	key := sha256.Sum256([]byte(id.String()))
	key[0] = first
	p.exec(`UPDATE operations SET idempotency_key = $2, idempotency_request = $3, idempotency_answer = 'a' WHERE op_id = $1`, id, key[:], []byte("r"))
	return id
}

// kept counts the columns that are left of a row's key and answer.
func (p *plant) kept(id uuid.UUID) (n int) {
	p.t.Helper()
	const count = `SELECT count(idempotency_key) + count(idempotency_request) + count(idempotency_answer) FROM operations WHERE op_id = $1`
	if err := p.owner.Pool().QueryRow(p.t.Context(), count, id).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

func TestKeysExpireWithTheirAnswers(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	var old, young []uuid.UUID
	for _, first := range []byte{0, 1, 3, 4, 127, 128, 251, 252, 255} {
		for range 3 {
			old = append(old, p.keyed(first, 25*time.Hour))
		}
		young = append(young, p.keyed(first, 23*time.Hour))
	}
	r := p.relay(nil)
	rounds := 0
	for slice := range byte(keySlices) {
		for more := true; more; rounds++ {
			var err error
			if more, err = r.store.expire(t.Context(), slice, 2); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rounds <= keySlices {
		t.Errorf("all went in %d rounds", rounds)
	}
	for _, id := range old {
		if n := p.kept(id); n != 0 {
			t.Errorf("%d columns are left of one that has expired", n)
		}
	}
	for _, id := range young {
		if n := p.kept(id); n != 3 {
			t.Errorf("%d columns are left of one that holds", n)
		}
	}
	if there := p.there(append(old, young...)...); len(there) != len(old)+len(young) {
		t.Errorf("%d rows are left", len(there))
	}
}

// It does so by itself, with the rights that a service has.
func TestARelayExpiresKeys(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	ids := []uuid.UUID{p.keyed(0, 25*time.Hour), p.keyed(255, 25*time.Hour)}
	r := p.relay(nil)
	r.settings().tidyEvery = time.Millisecond
	p.start(r)
	p.eventually("the keys are gone", func() bool { return p.kept(ids[0])+p.kept(ids[1]) == 0 })
}
