package app_test

import (
	"strings"
	"testing"
)

// A region is given up as the documents say: its tenants move, and whoever still
// takes them to be at home there writes nothing until it is restarted.
func TestARegionIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	const list = "/v1/resources?type=invoice"
	by := r.caller(t)
	old := r.eu.start(t)
	r.us.start(t).create(t, by, `{"type":"invoice","name":"n"}`)
	old.create(t, by, `{"type":"invoice","name":"n"}`) // remembers where that is at home
	r.leave()
	r.eu.exec(t, giveUp)
	delete(r.eu.env, "REDIS_PEERS")
	fresh := r.eu.start(t)
	fresh.cached(t, by, list)
	before := fresh.call(t, by, "GET", list, "").body
	old.calm = false // what it refuses is not to be asked again
	wrote := old.call(t, by, "POST", "/v1/resources", `{"type":"invoice","name":"late"}`)
	after := fresh.call(t, by, "GET", list, "")
	if wrote.status == 201 || after.body != before {
		t.Errorf("written without a mark: %d %s, and read %s", wrote.status, wrote.body, after.header.Get("Cache-Status"))
	}
	wrote.is(t, 503, "epoch_not_ready")
	again, _ := r.eu.start(t).create(t, by, `{"type":"invoice","name":"later"}`) // and so it is after a restart
	eventually(t, patience, "it is on the list", func() (bool, string) {
		body := fresh.call(t, by, "GET", list, "").body
		return strings.Contains(body, strings.TrimPrefix(again, "/v1/resources/")), body
	})
}

const giveUp = `BEGIN ISOLATION LEVEL SERIALIZABLE;
	DELETE FROM redis_epoch WHERE region = 'us';
	UPDATE tenant_homes SET region = 'eu' WHERE region = 'us';
	COMMIT`
