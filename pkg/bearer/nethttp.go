package bearer

import "net/http"

// Middleware is [Guard.Require] for net/http: it lets a request through to next
// once its token is known to be live and to have every scope, and answers others
// with a problem document. Behind it [From] gives the caller.
func (g *Guard) Middleware(scopes ...string) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a, err := g.admit(r.Context(), scopes, len(r.Header.Values("Authorization")), r.Header.Get("Authorization"))
			if err == nil {
				next.ServeHTTP(w, r.WithContext(a))
				return
			}
			refused := refusalOf(err, scopes)
			for name, value := range refused.header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(refused.status)
			_, _ = w.Write(refused.body) // the client may have left
		})
	}
}
