package check

import (
	"testing"
	"time"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3" // known by name
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstream "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

// Envoy's own messages refuse what they have no field for, and each says what its values
// may be.
func TestEnvoy(t *testing.T) {
	t.Parallel()
	text, err := yaml.YAMLToJSONStrict([]byte(read(t, "deploy/gateway/envoy.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrap.Bootstrap
	if err := protojson.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	valid(t, &b)
	manager := unpack[*hcm.HttpConnectionManager](t, b.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetFilters()[0].GetTypedConfig())
	if !manager.GetUseRemoteAddress().GetValue() || !manager.GetNormalizePath().GetValue() || manager.GetPreserveExternalRequestId() {
		t.Error("what a client writes gets through")
	}
	host := manager.GetRouteConfig().GetVirtualHosts()[0]
	find := func(path string) string {
		for _, r := range host.GetRoutes() {
			if routeMatches(r.GetMatch(), path) {
				return r.GetRoute().GetCluster()
			}
		}
		return ""
	}
	goesTo(t, find)
	clusters := map[string]*cluster.Cluster{}
	for _, c := range b.GetStaticResources().GetClusters() {
		clusters[c.GetName()] = c
	}
	for _, r := range host.GetRoutes() {
		own := r.GetRoute().GetCluster()
		if asked := r.GetTypedPerFilterConfig()["envoy.filters.http.ext_authz"] == nil; asked != (own == "application") {
			t.Errorf("%v: auth is asked: %v", r.GetMatch(), asked)
		}
		options := clusters[own].GetTypedExtensionProtocolOptions()["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
		idle := unpack[*upstream.HttpProtocolOptions](t, options).GetCommonHttpProtocolOptions().GetIdleTimeout().AsDuration()
		if own != "application" {
			fits(t, idle, r.GetRoute().GetTimeout().AsDuration())
		}
	}
}

func routeMatches(m *route.RouteMatch, path string) bool {
	switch by := m.GetPathSpecifier().(type) {
	case *route.RouteMatch_Path:
		return path == by.Path
	case *route.RouteMatch_Prefix:
		return len(path) >= len(by.Prefix) && path[:len(by.Prefix)] == by.Prefix
	case *route.RouteMatch_PathSeparatedPrefix:
		n := len(by.PathSeparatedPrefix)
		return len(path) >= n && path[:n] == by.PathSeparatedPrefix && (len(path) == n || path[n] == '/')
	default:
		return false
	}
}

func unpack[M proto.Message](t *testing.T, any *anypb.Any) M {
	t.Helper()
	m, err := any.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	own, ok := m.(M)
	if !ok {
		t.Fatalf("it is a %T", m)
	}
	return own
}

// valid holds a message, and those that it carries in typed_config, to their rules.
func valid(t *testing.T, m proto.Message) {
	t.Helper()
	if rules, ok := m.(interface{ ValidateAll() error }); ok {
		if err := rules.ValidateAll(); err != nil {
			t.Error(err)
		}
	}
	carried(t, m.ProtoReflect())
}

func carried(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if any, ok := m.Interface().(*anypb.Any); ok {
		inner, err := any.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		valid(t, inner)
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.MapValue().Message() != nil:
			value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { carried(t, v.Message()); return true })
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				carried(t, value.List().Get(i).Message())
			}
		case !field.IsMap() && !field.IsList() && field.Message() != nil:
			carried(t, value.Message())
		}
		return true
	})
}

// fits holds the times of a gateway to those of the services.
func fits(t *testing.T, idle, answer time.Duration) {
	t.Helper()
	if closes := variable(t, "HTTP_IDLE_TIMEOUT"); idle <= 0 || idle >= closes {
		t.Errorf("an idle connection is kept for %s, the services close it after %s", idle, closes)
	}
	if within := variable(t, "HTTP_WRITE_TIMEOUT"); answer <= within {
		t.Errorf("answers are given up after %s, the services take up to %s", answer, within)
	}
}
