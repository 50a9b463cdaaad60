package app_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/invalidation"
)

// tell publishes an event by hand, as an operator does.
func (w world) tell(t *testing.T, e invalidation.Event) {
	t.Helper()
	body, err := invalidation.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(w.stack.NATSURL, nats.RootCAs(w.stack.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), invalidation.Address(e.Change.Subject()), body); err != nil {
		t.Fatal(err)
	}
}

// follow waits until the instances hear events.
func follow(t *testing.T, instances ...*instance) {
	t.Helper()
	for _, i := range instances {
		eventually(t, patience, "it follows", func() (bool, string) { return i.metric(t, "invalidation_following") == 1, "" })
	}
}

// news is an event that tells of a version of a resource.
func news(of resource, version int64) invalidation.Event {
	return invalidation.Event{
		ID: uuid.NewString(), Source: "operator", Time: time.Now(), Change: invalidation.Change{
			Action: invalidation.Updated, Tenant: of.Tenant, Type: of.Type, ID: of.ID, Version: version, Keys: []string{},
		},
	}
}

// console changes a resource past the cache and announces it: so does a writer
// whose markers are lost, and one in a region that does not know this one's Redis.
func (w world) console(t *testing.T, of resource, source string) {
	t.Helper()
	change := news(of, 0).Change
	record, err := json.Marshal(invalidation.Record{Change: change, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	const statement = `WITH changed AS (
			UPDATE resources SET name = 'console', version = version + 1 WHERE tenant = $1 AND id = $2::UUID RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard)
		SELECT $3::UUID, 'committed', version, $4::TEXT, $5::JSONB, $6::INT8 FROM changed`
	_, err = w.sql(t).Exec(t.Context(), statement, of.Tenant, of.ID, uuid.NewString(), change.Subject(), string(record), invalidation.Shard(change.Subject()))
	if err != nil {
		t.Fatal(err)
	}
}

// becomes waits until every instance reads that version, and hits it.
func becomes(t *testing.T, by caller, path string, version int64, instances ...*instance) {
	t.Helper()
	for _, i := range instances {
		eventually(t, patience, fmt.Sprintf("%s is version %d", path, version), func() (bool, string) {
			got := i.call(t, by, "GET", path, "")
			return got.resource(t).Version == version && got.header.Get("Cache-Status") == "tandem; hit", got.body
		})
	}
}

func TestWhatTheWritePathMissedIsDropped(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	follow(t, i, next)
	for name, source := range map[string]string{"a writer whose markers are lost": "", "another region": "elsewhere/resources"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := w.caller(t)
			path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
			i.cached(t, by, path)
			i.cached(t, by, "/v1/resources")
			i.cached(t, by, "/v1/resources?type=invoice")
			w.console(t, made, source)
			becomes(t, by, path, 2, i, next)
			for _, list := range []string{"/v1/resources", "/v1/resources?type=invoice"} {
				eventually(t, patience, list+" shows it", func() (bool, string) {
					got := next.call(t, by, "GET", list, "").body
					return strings.Contains(got, `"name":"console"`), got
				})
			}
		})
	}
}

// A value that somebody put back, as a Redis would that lost writes within its
// epoch, is gone as soon as an event says that there is a newer one.
func TestAStaleValueIsDroppedByAnEventMadeByHand(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	follow(t, i, next)
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.cached(t, by, path)
	keys := w.inRedis(t, "cache:*:{resources/"+made.Tenant+"/"+made.ID+"}:v")
	if len(keys) != 1 {
		t.Fatal(keys)
	}
	stale, err := w.redis.Get(t.Context(), keys[0]).Result()
	if err != nil {
		t.Fatal(err)
	}
	i.call(t, by, "PATCH", path, `{"name":"m"}`)
	becomes(t, by, path, 2, i, next)
	for _, version := range []int64{2, math.MaxInt64} {
		eventually(t, patience, "the stale value is read", func() (bool, string) { // the events of before may still come
			if err := w.redis.Set(t.Context(), keys[0], stale, time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
			got := i.call(t, by, "GET", path, "").resource(t)
			return got.Version == 1, got.Name
		})
		w.tell(t, news(made, version))
		becomes(t, by, path, 2, i, next)
	}
	// What was told of all versions does not keep a later one from being told.
	w.console(t, made, "")
	becomes(t, by, path, 3, i, next)
}

// It has the word of both instances for it that they have heard everything: what
// is cached after a write stays, and nothing was dropped that was not older.
func TestListsAndItemsStillHitAfterTheEventsOfWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true, OwnNATS: true})
	i, next := w.start(t), w.start(t)
	follow(t, i, next)
	by := w.caller(t)
	paths := []string{"/v1/resources", "/v1/resources?type=invoice"}
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	paths = append(paths, path)
	writes := 1.0
	for ; writes < 20; writes++ {
		next.call(t, by, "PATCH", path, `{"attributes":{"n":1}}`)
		for _, cached := range paths {
			next.cached(t, by, cached)
		}
	}
	w.heard(t, writes, i, next)
	// Those that came early are told once more, now that everything is cached.
	for _, e := range w.stream(t, made) {
		w.tell(t, e)
	}
	w.heard(t, 2*writes, i, next)
	for _, cached := range paths {
		if got := i.call(t, by, "GET", cached, ""); got.header.Get("Cache-Status") != "tandem; hit" {
			t.Errorf("%s: %s", cached, got.header.Get("Cache-Status"))
		}
	}
	for _, one := range []*instance{i, next} {
		for _, kind := range []string{"item", "list"} {
			if n := one.metric(t, `cache_dropped_total{kind="`+kind+`"}`); n != 0 {
				t.Errorf("%v dropped of kind %s", n, kind)
			}
		}
		if n := one.metric(t, "invalidation_heard_lag_seconds_count"); n != 2*writes {
			t.Errorf("the lag was seen of %v events", n)
		}
	}
}

// heard waits until every instance has applied so many events.
func (w world) heard(t *testing.T, events float64, instances ...*instance) {
	t.Helper()
	for _, i := range instances {
		eventually(t, patience, fmt.Sprint(events, " events are heard"), func() (bool, string) {
			n := i.metric(t, `invalidation_heard_total{result="applied"}`)
			return n >= events, fmt.Sprint(n)
		})
	}
}

// stream gives the events of a resource, as they are stored.
func (w world) stream(t *testing.T, of resource) (events []invalidation.Event) {
	t.Helper()
	js, err := jetstream.New(w.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), invalidation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		e, err := invalidation.Decode(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		if e.Change.ID == of.ID {
			events = append(events, e)
		}
	}
	return events
}

// While Redis is away an event waits, without being tried over and over.
func TestAnEventWaitsForRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true, OwnNATS: true})
	i := w.start(t)
	follow(t, i)
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	w.heard(t, 1, i)
	w.kill(t, "redis")
	i.await(t, "epoch:redis_unavailable redis:redis_unavailable", patience)
	w.tell(t, news(made, 2))
	const failed = `invalidation_heard_total{result="failed"}`
	eventually(t, patience, "it is tried", func() (bool, string) { return i.metric(t, failed) >= 3, "" })
	if status, _ := i.ready(t); status == 0 {
		t.Error("it does not answer")
	}
	w.revive(t, i, "redis")
	w.heard(t, 2, i)
	if n := i.metric(t, failed); n > 50 {
		t.Errorf("it was tried %v times", n)
	}
	w.enliven(t, by.claims)
	if got := i.call(t, by, "GET", path, "").resource(t); got.Version != 1 {
		t.Errorf("version %d", got.Version)
	}
}
