// Package body reads the body of a request to an authentication endpoint, JSON
// or an HTML form, into a struct, and refuses everything that two readers could
// understand differently.
//
//	var in struct {
//		Email    string `json:"email"`
//		Password string `json:"password"`
//	}
//	if err := body.Decode(w, r, &in, 0); err != nil {
//		onError(w, r, err) // 400, 413 or 415
//		return
//	}
//
// # What it protects from
//
// Two truths in one request: a member that occurs twice, in another case, or also
// in the query. A proxy, a log or a limiter reads the one and the handler the
// other, so the attempts on one account are counted for another. encoding/json
// takes the last of them, matches names in any case and puts U+FFFD for what is
// no UTF-8. Values nobody asked for: unknown members are refused, so a struct
// grows no isAdmin from outside. Surprising types, as in {"password":["x"]}.
// Large and deep bodies: a limit, and a reader that does not recurse. Half-done
// work: the destination is changed only if the whole body is good.
//
// # What is read
//
// The content type must be application/json or application/x-www-form-urlencoded,
// with no parameter but charset=utf-8, and there must be one. JSON is RFC 8259:
// one object, UTF-8, nothing after it but white space. A form is what browsers
// send: pairs of name=value in percent-encoding, in which space, ";" and
// everything that is not ASCII must be encoded. The two are read by the same
// rules; only a list is a repeated field in a form and an array in JSON. The query
// of the URL is not looked at.
//
// Every exported field of the struct has a json tag with its name; "-" leaves it
// out. Fields are string, bool, the integer types, a slice of strings, or a pointer
// to one of the first three; named types of these kinds too. A field keeps its
// value if its member is absent. A pointer tells absent from empty; null is for
// pointers only and sets nil. A check box of a form sends "on", which is true.
// A time travels as a string that the handler parses. There is no number with a
// fraction and no nesting.
//
// Text with a NUL is refused, in values as well as in names: no password, address
// or code has one, and what stands behind the handler (PostgreSQL, C) ends a
// text there or fails. Other control characters are the handler's business.
//
// # Errors
//
// They are [problem.Error]s with code BODY_INVALID (400), BODY_TOO_LARGE (413) or
// UNSUPPORTED_MEDIA_TYPE (415). The detail names the member and never shows a
// value; the text for the log shows nothing that the client wrote, not even the
// name of an unknown member, which may be a password in the wrong place.
//
// # What it does not
//
// Any web site can make a browser send a form here, with the user's cookies:
// cross-site requests are for http.CrossOriginProtection. (JSON needs a CORS
// preflight; that is why the content type is exact.)
// How long a client may take to send its body is http.Server.ReadTimeout.
package body
