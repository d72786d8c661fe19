"""How feeds call the fields of a product: Google Merchant's names, other exports, other languages.

Leaves: a read-only table from folded name to field. Case, accents, spaces and punctuation do not
count. A name that can mean two things is in no list: a column left unused is seen in the report, a
column misread is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.values.spelling import folds


class Field(StrEnum):
    """Fields of a product this program uses."""

    SKU = "sku"
    TITLE = "title"
    DESCRIPTION = "description"
    PRICE = "price"
    SALE_PRICE = "sale price"
    LIST_PRICE = "list price"
    CURRENCY = "currency"
    AVAILABILITY = "availability"
    QUANTITY = "quantity"
    GTIN = "gtin"
    MPN = "mpn"
    BRAND = "brand"
    CONDITION = "condition"
    LINK = "link"
    CATEGORY = "category"
    PRODUCT_TYPE = "product type"
    SHIPPING = "shipping"
    FLOOR = "floor"
    DEPOSIT = "deposit"
    PRICE_UNIT = "price unit"
    DETAIL = "product detail"
    UNUSED = "unused"


# field: name, name ...; a field may have several lines.
_TABLE: Final = """
sku: id, sku, item id, item no, item number, item code, product id, product code, product number
sku: article number, article no, stock number, stock no, stock code, unit id, our number
sku: artikelnummer, artikelnr, artikel nr, art nr, art no, bestellnummer, bestell nr, best nr
sku: produktnummer, référence, référence produit, réf, code article, code produit
sku: código, código de producto
sku: referencia, artikelcode, codice, codice articolo
title: title, name, product name, item name, product title, item, product, article
title: titel, bezeichnung, artikel, artikelname, artikelbezeichnung, produkt, produktname
title: produkttitel, nom, titre, désignation, nom du produit, produit, nombre, título, producto
title: naam, nome, titolo, vehicle, fahrzeug, véhicule, vehículo
description: description, long description, details, product description, summary, content, notes
description: beschreibung, produktbeschreibung, langtext, kurzbeschreibung, bemerkung, descripción
description: beschrijving, descrizione, remarque
price: price, unit price, retail price, our price, selling price, rate, tariff, price each
price: preis, verkaufspreis, vk, vk preis, bruttopreis, einzelpreis, mietpreis, miete, tarif
price: prix, prix ttc, prix de vente, prix unitaire, precio, precio de venta, pvp, tarifa
price: prijs, verkoopprijs, prezzo
sale price: sale price, special price, promo price, offer price, discounted price
sale price: aktionspreis, angebotspreis, sonderpreis, prix promo, prix soldé, prix promotionnel
sale price: precio de oferta, precio rebajado, aanbiedingsprijs, prezzo scontato
list price: list price, msrp, rrp, recommended retail price, regular price, was price, uvp
list price: listenpreis, prix public, prix barré, pvpr, precio recomendado
currency: currency, currency code, price currency, währung, devise, monnaie, moneda, divisa, valuta
availability: availability, in stock, stock status, available, verfügbarkeit, verfügbar, lieferbar
availability: auf lager, disponibilité, disponible, en stock, disponibilidad, en existencia
availability: beschikbaarheid, op voorraad, disponibilità
quantity: quantity, qty, stock, stock quantity, stock level, inventory, on hand, units available
quantity: sell on google quantity, fleet, fleet size, bestand, lagerbestand, menge, anzahl
quantity: stückzahl, quantité, stocks, cantidad, existencias, voorraad, quantità, giacenza
gtin: gtin, ean, upc, isbn, jan, barcode, ean13, gtin13, gtin14, ean code, ean nummer, strichcode
gtin: code barre, code barres, código de barras, codice a barre
mpn: mpn, manufacturer part number, part number, part no, model number, model no
mpn: herstellernummer, hersteller artikelnummer, modellnummer, teilenummer, référence fabricant
mpn: número de pieza
brand: brand, manufacturer, maker, make, marke, hersteller, marque, fabricant, marca, fabricante
brand: merk, produttore
condition: condition, item condition, zustand, artikelzustand, état, estado, condición, condizione
link: link, url, product url, product link, deep link, deeplink, produktlink, produkt url, lien
link: url produit, enlace, canonical link
category: category, intentcast category, kategorie, catégorie, categoría, categorie, categoria
product type: product type, google product category, product category, product group, department
product type: produkttyp, produktgruppe, warengruppe, produktkategorie, type de produit
product type: tipo de producto
shipping: shipping, shipping cost, shipping price, delivery cost, delivery price, versandkosten
shipping: lieferkosten, frais de port, frais de livraison, gastos de envío, verzendkosten
floor: floor, floor price, minimum price, min price, lowest price, cost of goods sold, cost
floor: cost price, purchase price, mindestpreis, preisuntergrenze, einkaufspreis, ek, ek preis
floor: prix plancher, prix minimum, prix d'achat, precio mínimo, coste
deposit: deposit, security deposit, kaution, pfand, caution, dépôt de garantie, fianza, borg
price unit: price unit, price per, per, rate unit, rate per, billing unit, sold by, preiseinheit
price unit: preis pro, abrechnung, unité de prix, prix par, unidad de precio, precio por
product detail: product detail
unused: image link, additional image link, image, image url, picture, photo, bild, bild url
unused: ads redirect, mobile link, custom label 0, custom label 1, custom label 2, custom label 3
unused: custom label 4, identifier exists, item group id, excluded destination, guid, author
unused: included destination, promotion id, shipping label, tax, updated, pub date, adult, is bundle
unused: sale price effective date
"""


def _read(table: str) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for line in table.strip().splitlines():
        name, _, spellings = line.partition(": ")
        for spelling in spellings.split(", "):
            found |= dict.fromkeys(folds(spelling), Field(name))
    return found


FIELD_OF: Final[Mapping[str, Field]] = MappingProxyType(_read(_TABLE))
"""Folded column name -> field."""

_PERIODS: Final = """
HUR: hour hourly stunde stundlich stundenpreis stundensatz heure horaire hora
DAY: day daily tag taglich tagespreis tagesmiete tagessatz tagestarif jour journalier journee dia
DAY: diario dag
WEE: week weekly woche wochentlich wochenpreis wochenmiete semaine hebdomadaire semana semanal
MON: month monthly monat monatlich monatspreis monatsmiete mois mensuel mes mensual
"""

PERIOD_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        word: line[:3]
        for line in _PERIODS.strip().splitlines()
        for word in line.partition(": ")[2].split()
    }
)
"""Folded word of a span of time -> unit code."""

PER_WORDS: Final = frozenset(
    {"per", "pro", "je", "par", "por", "al", "a", "the", "der", "die", "das"}
)
"""Words that join a price and what it is for."""
