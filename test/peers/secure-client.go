// An HTTPS client of Go's net/http: one connection, a round of requests for each line on stdin.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

type answer struct {
	Pid   string `json:"pid"`
	Port  string `json:"port"`
	TLS   string `json:"tls"`
	Whole bool   `json:"whole"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func main() {
	port, certificate, name := os.Args[1], os.Args[2], os.Args[3]
	version := map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[name]
	pem, err := os.ReadFile(certificate)
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version},
	}}
	body := make([]byte, 700_000)

	ask := func(method, path string, sent []byte) (*http.Response, []byte) {
		request, err := http.NewRequest(method, "https://127.0.0.1:"+port+path, bytes.NewReader(sent))
		must(err)
		request.Header.Set("Content-Type", "application/octet-stream")
		response, err := client.Do(request)
		must(err)
		got, err := io.ReadAll(response.Body)
		must(err)
		response.Body.Close()
		return response, got
	}

	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var answers []answer
		add := func(response *http.Response, whole bool) {
			head := response.Header
			answers = append(answers, answer{head.Get("x-pid"), head.Get("x-port"), head.Get("x-tls"), whole})
		}
		response, got := ask("GET", "/", nil)
		add(response, string(got) == "hello\n")
		response, got = ask("POST", "/upload", body)
		add(response, string(got) == digest(body))
		response, got = ask("GET", "/large", nil)
		add(response, response.Header.Get("x-sha256") == digest(got))
		line, err := json.Marshal(answers)
		must(err)
		fmt.Println(string(line))
	}
}
